"""Runs all services of a server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.preparation import VersionPreparer
from airflow_provider_pai.local.serving.reconciler import Reconciler


class ServiceSupervisor:
    """Brings services to what their records want; the ``ServiceRuntime`` of the control plane. Any thread may call it.

    Args:
        store: the services.
        stores: where what instances need comes from.
        host: what they stand on.
    """

    def __init__(self, store: ServiceStore, stores: VersionPreparer, host: HostResources) -> None:
        self._store = store
        self._stores = stores
        self._host = host
        self._lock = threading.RLock()
        self._reconcilers: dict[str, tuple[Reconciler, threading.Thread]] = {}
        self._open = False

    def start(self) -> None:
        """Begin: bring up what was wanted running, after what a killed server left has ended."""
        with self._lock:
            self._open = True
            for service in self._store.all():
                # Before a request is answered: a service must not be said to run of which nothing does yet.
                self._store.change(service.name, _nothing_answers)
                self._attend(service)

    def close(self) -> None:
        """End all instances; the next start brings them up again."""
        with self._lock:
            self._open = False
            running = list(self._reconcilers.values())
        for reconciler, _ in running:
            reconciler.close()
        for _, thread in running:
            thread.join()

    def reset(self) -> None:
        """Delete all services, see :meth:`ServiceRuntime.reset`."""
        with self._lock:
            for service in self._store.all():
                # Another thread may have seen the last of one that was deleted already.
                with suppress(KeyError):
                    self._store.change(service.name, _deleted)
                self.wake(service.name)
            threads = [thread for _, thread in self._reconcilers.values()]
        for thread in threads:
            thread.join()

    def wake(self, name: str) -> None:
        """Look at a service's record, see :meth:`ServiceRuntime.wake`."""
        with self._lock:
            if name in self._reconcilers:
                self._reconcilers[name][0].wake()
                return
            service = self._store.get(name)
            if service is not None and self._open:
                self._attend(service)

    def _attend(self, service: ServiceRecord) -> None:
        name, reconciler = service.name, Reconciler(service, self._store, self._stores, self._host)
        thread = threading.Thread(target=self._run, args=(name, reconciler), name=f"service-{name}", daemon=True)
        self._reconcilers[name] = reconciler, thread
        thread.start()

    def instances(self, name: str) -> Sequence[Instance]:
        """Return the instances of a service, see :meth:`ServiceRuntime.instances`."""
        with self._lock:
            found = self._reconcilers.get(name)
        return found[0].instances() if found else ()

    def lines(self, name: str, instance: str | None = None) -> Sequence[str]:
        """Return the last lines of a service's instances, see :meth:`ServiceRuntime.lines`."""
        with self._lock:
            found = self._reconcilers.get(name)
        return found[0].lines.of(instance) if found else ()

    def _run(self, name: str, reconciler: Reconciler) -> None:
        try:
            reconciler.run()
        except Exception:
            # Its traceback is printed by the thread's end; those who wait for the service must see it, too.
            with self._lock, suppress(KeyError):
                del self._reconcilers[name]
                self._store.change(name, _fail_unattended)
            raise
        with self._lock:
            del self._reconcilers[name]
            # One of the same name may have been created since this one was deleted.
            self.wake(name)


def _fail_unattended(service: ServiceRecord) -> ServiceRecord:
    message = "Local PAI has failed to look after this service; its own output says why. Restart or update the service."
    seen = replace(service.seen, status="Failed", reason="InternalError", message=message)
    return replace(service, seen=replace(seen, settled=service.wanted.generation, running=0, pending=0))


def _nothing_answers(service: ServiceRecord) -> ServiceRecord:
    seen = replace(service.seen, running=0)
    if seen.status == "Running":
        seen = replace(seen, status="Waiting", reason="WAITING", message="No instance answers")
    return replace(service, seen=seen)


def _deleted(service: ServiceRecord) -> ServiceRecord:
    return replace(service, wanted=replace(service.wanted, deleted=True))
