"""What the control plane asks of whatever runs services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Instance:
    """One running copy of a service.

    Attributes:
        name: unique among the service's instances.
        version: the version it runs.
        status: ``Running``, ``Pending`` or ``CrashLoopBackOff``.
        reason: why it is not running; empty when it is.
        ready: whether it gets requests.
        restarts: how often it was started again.
        started: when it was last started, as on the wire.
    """

    name: str
    version: int
    status: str
    reason: str
    ready: bool
    restarts: int
    started: str


class ServiceRuntime(Protocol):
    """Runs services: brings each to what its record wants, and writes what it sees into the record."""

    def wake(self, name: str) -> None:
        """What is wanted of a service has changed: look at its record. Returns at once."""

    def reset(self) -> None:
        """Delete all services; returns when they are gone."""

    def instances(self, name: str) -> Sequence[Instance]:
        """Return the instances of a service, oldest first; none when it is not known."""

    def lines(self, name: str, instance: str | None = None) -> Sequence[str]:
        """Return the last lines of output of a service's instances, or of one of them, oldest first; bounded."""
