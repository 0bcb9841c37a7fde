"""Service groups: there is one for every group that a service names, for as long as one does [inferred].

How a group shares its traffic is its mode (EAS's reference, UpdateGroup): ``auto`` by the number of instances that
answer, ``customized`` by the weights. What a group begins with isn't documented; ``auto`` is what examples show
[inferred].
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from airflow_provider_pai.local.eas.store import ServiceStore

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
        rows: what former groups gave to ``keep``.
        keep: called with all groups after each change, to store them.
    """

    def __init__(
        self, store: ServiceStore, rows: Iterable[dict[str, str]], keep: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self._store = store
        self._keep = keep
        self._lock = threading.Lock()
        self._known = {row["name"]: Group(**row) for row in rows}

    def all(self) -> list[Group]:
        """Return the groups that have a service, oldest first."""
        with self._lock:
            self._look()
            return list(self._known.values())

    def get(self, name: str) -> Group | None:
        """Return a group; None when no service names it."""
        return next((group for group in self.all() if group.name == name), None)

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
            self._look()
            if name not in self._known:
                return False
            self._known[name] = replace(self._known[name], traffic_mode=traffic_mode, updated=now)
            self._keep([asdict(group) for group in self._known.values()])
            return True

    def _look(self) -> None:
        """Take in the groups that services name, and forget the others."""
        created: dict[str, str] = {}
        for service in self._store.all():
            if service.group:
                created.setdefault(service.group, service.created)
        if created.keys() == self._known.keys():
            return
        made = {name: Group(name, new_token(), time) for name, time in created.items() if name not in self._known}
        self._known = {name: self._known.get(name) or made[name] for name in created}
        self._keep([asdict(group) for group in self._known.values()])
