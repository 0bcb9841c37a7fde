"""A fleet that runs nothing: services become what is wanted at once, or when a test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from airflow_provider_pai.local.eas.config import instance_count
from airflow_provider_pai.local.eas.record import NORMAL, WARNING, Event, Seen, ServiceRecord
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.eas.store import ServiceStore

TIME = "2026-11-24T12:00:00Z"


class SettledServices:
    """Brings services to what is wanted without running anything.

    Attributes:
        by_hand: services stay as they are until :meth:`settle` or :meth:`fail` is called.
        woken: the names of services it was told to look at, in that order.

    Args:
        store: the services.
        now: the time of the events, as the service writes it.
    """

    def __init__(self, store: ServiceStore, now: Callable[[], str] = lambda: TIME) -> None:
        self.by_hand = False
        self._now = now
        self.woken: list[str] = []
        self.said: dict[str, list[str]] = {}
        self._store = store
        self._lock = threading.Lock()

    def wake(self, name: str) -> None:
        with self._lock:
            self.woken.append(name)
        if not self.by_hand:
            self.settle(name)

    def reset(self) -> None:
        for service in self._store.all():
            self._store.forget(service.name)

    def settle(self, name: str) -> None:
        """Bring a service to what is wanted."""
        service = self._store.get(name)
        if service is None:
            return
        if service.wanted.deleted:
            self._store.forget(name)
            return
        self._store.change(name, _settled)
        self._store.add_event(name, Event(self._now(), NORMAL, "Settled", "the service is what is wanted"))

    def fail(self, name: str, reason: str) -> None:
        """Let the wanted version not come up; what answers keeps answering."""
        self._store.change(
            name,
            lambda service: replace(
                service,
                seen=replace(
                    service.seen, status="Failed", reason=reason, message="by hand", settled=service.wanted.generation
                ),
            ),
        )
        self._store.add_event(name, Event(self._now(), WARNING, reason, "by hand", f"{name}-0"))

    def instances(self, name: str) -> Sequence[Instance]:
        service = self._store.get(name)
        if service is None:
            return ()
        names = [f"{name}-{number}" for number in range(service.seen.running)]
        return [Instance(each, service.seen.version, "Running", "", True, 0, TIME) for each in names]

    def lines(self, name: str, instance: str | None = None) -> Sequence[str]:
        return [line for line in self.said.get(name, ()) if instance is None or line.startswith(instance)]


def _settled(service: ServiceRecord) -> ServiceRecord:
    wanted = service.wanted
    if not wanted.running:
        seen = Seen("Stopped", "STOPPED", "Service is stopped", service.seen.version, wanted.generation)
    else:
        count = instance_count(service.config)
        seen = Seen("Running", "RUNNING", "Service start successfully", wanted.version, wanted.generation, count)
    return replace(service, seen=seen)
