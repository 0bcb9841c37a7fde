"""Service groups: there is one for every group that a service names, for as long as one does [inferred]."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_pai.local.eas.store import ServiceStore


@dataclass(frozen=True)
class Group:
    """A service group.

    Attributes:
        name: unique among groups and services.
        token: what callers of its endpoint show.
        created: when its first service was created, as on the wire.
    """

    name: str
    token: str = field(repr=False)
    created: str


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
