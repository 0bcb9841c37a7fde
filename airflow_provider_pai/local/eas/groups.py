"""Service groups: there is one for every group that a service names, for as long as one does [inferred].

How a group shares its traffic is its mode (EAS's reference, UpdateGroup): ``auto`` by the number of instances that
answer, ``customized`` by the weights. What a group begins with isn't documented; ``auto`` is what examples show
[inferred].
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import asdict, dataclass, field, replace

from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.records import RecordTable

AUTO, CUSTOMIZED = "auto", "customized"
TRAFFIC_MODES = (AUTO, CUSTOMIZED)


@dataclass(frozen=True)
class Group:
    """A service group.

    Attributes:
        name: unique among groups and services.
        token: what callers of its endpoint show.
        created: when its first service was created, as on the wire.
        traffic_mode: ``auto`` or ``customized``.
        updated: when its mode was last changed, as on the wire; empty for never.
    """

    name: str
    token: str = field(repr=False)
    created: str
    traffic_mode: str = AUTO
    updated: str = ""


def new_token() -> str:
    """Return a token at random, in the form of the service's."""
    return secrets.token_urlsafe(30)


class Groups:
    """The groups of all services; any thread may call it.

    Args:
        store: the services.
        table: keeps each group; None to keep none.
    """

    def __init__(self, store: ServiceStore, table: RecordTable | None = None) -> None:
        self._store = store
        self._table = table
        self._lock = threading.Lock()
        self._known = {name: Group(**row) for name, row in table.rows().items()} if table else {}

    def all(self) -> list[Group]:
        """Return the groups that have a service, oldest first."""
        with self._lock:
            names = self._store.group_names()
            for name in self._known.keys() - set(names):
                self._forget(name)
            return [group for name in names if (group := self._find(name))]

    def get(self, name: str) -> Group | None:
        """Return a group; None when no service names it."""
        with self._lock:
            return self._find(name)

    def token(self, name: str) -> str | None:
        """Return the token of a group; None when no service names it."""
        group = self.get(name)
        return group.token if group else None

    def by_weight(self, name: str) -> bool:
        """Tell whether the services of a group get traffic by their weights, not by their instances."""
        group = self.get(name)
        return group is not None and group.traffic_mode == CUSTOMIZED

    def share(self, name: str, traffic_mode: str, now: str) -> bool:
        """Change how a group shares its traffic; False when no service names it.

        Args:
            name: the group.
            traffic_mode: ``auto`` or ``customized``.
            now: the time as on the wire.
        """
        with self._lock:
            group = self._find(name)
            if group is None:
                return False
            self._keep(replace(group, traffic_mode=traffic_mode, updated=now))
            return True

    def _find(self, name: str) -> Group | None:
        """Return a group, which is made when services name it for the first time, and forgotten when none does."""
        members = self._store.members(name)
        if not members:
            self._forget(name)
            return None
        if name not in self._known:
            self._keep(Group(name, new_token(), members[0].created))
        return self._known[name]

    def _keep(self, group: Group) -> None:
        if self._table:
            self._table.put(group.name, asdict(group))
        self._known[group.name] = group

    def _forget(self, name: str) -> None:
        if name in self._known:
            if self._table:
                self._table.remove(name)
            del self._known[name]
