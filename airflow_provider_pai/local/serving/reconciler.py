"""Brings one service to what is wanted of it, and tells what it sees."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.eas.record import NORMAL, WARNING, Event, Seen, Service
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.serving.host_resources import Ground
from airflow_provider_pai.local.serving.instance import ServiceInstance
from airflow_provider_pai.local.serving.instance_workspace import end_survivors
from airflow_provider_pai.local.serving.lines import LastLines
from airflow_provider_pai.local.serving.plan import differs_in_count_only
from airflow_provider_pai.local.serving.preparation import Stores
from airflow_provider_pai.local.serving.replica_set import Crew, Failure, Office

logger = logging.getLogger(__name__)

_AFTER_AN_ERROR_SECONDS = 1.0
_RUNNING = {"status": "Running", "reason": "RUNNING", "message": "Service start successfully"}
_STOPPED = frozenset({"Stopped", "Stopping", "Starting"})


class Caretaker:
    """Looks after one service; :meth:`run` is a thread of its own, and the only writer of what is seen of the service.

    A version is brought up beside the one that answers. When all its instances are ready, requests go to them from one
    moment to the next, and the others end when they have answered what they had. When it does not come up, it ends, and
    the others go on.

    Args:
        service: the service.
        store: the services.
        stores: where what instances need comes from.
        ground: what they stand on.

    Attributes:
        lines: what instances printed last.
    """

    def __init__(self, service: Service, store: ServiceStore, stores: Stores, ground: Ground) -> None:
        self.lines = LastLines()
        self._name = service.name
        self._store = store
        self._ground = ground
        folder = store.folder(service.name)
        self._office = Office(service, folder, stores, ground, self.lines, self._tell)
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._serving: Crew | None = None
        self._candidate: Crew | None = None
        self._fading: list[tuple[Crew | None, list[ServiceInstance]]] = []
        self._round, self._version = 0, 0
        self._shown: tuple[Instance, ...] = ()

    def wake(self) -> None:
        """Look at the service at once."""
        self._wake.set()

    def close(self) -> None:
        """End all instances, and then :meth:`run`; the service stays what it is."""
        self._closed.set()
        self._wake.set()

    def instances(self) -> Sequence[Instance]:
        """Return the instances, oldest first."""
        return self._shown

    def run(self) -> None:
        """Look after the service until it is deleted, or this is closed."""
        end_survivors(self._office.folder / "instances", self._office.service.uid)
        try:
            while not self._closed.is_set():
                try:
                    if not self._look():
                        return
                except OSError as error:
                    logger.warning("service %s can't be looked after: %s", self._name, error)
                    self._closed.wait(_AFTER_AN_ERROR_SECONDS)
                self._wake.wait(self._ground.pace.look)
                self._wake.clear()
        finally:
            self._end_all()

    def _look(self) -> bool:
        """Look once; False when the service is gone."""
        service = self._store.get(self._name)
        if service is None:
            return False
        winds_up = service.wanted.deleted or not service.wanted.running
        if winds_up:
            self._wind_up()
        else:
            self._serve(service)
        # Before anybody is told: who reads that a version runs is answered by it.
        self._offer()
        if winds_up:
            self._tell_of_the_end(service)
        else:
            self._tell_how_it_is(service)
        self._fade()
        if service.wanted.deleted and not self._fading:
            self._store.forget(self._name)
            return False
        return True

    def _wind_up(self) -> None:
        self._dismiss(self._candidate, self._serving)
        self._candidate = self._serving = None
        self._round = 0

    def _tell_of_the_end(self, service: Service) -> None:
        if service.wanted.deleted:
            self._see(status="Deleting", reason="DELETING", message="The service is deleted", running=0, pending=0)
        elif self._fading:
            self._see(status="Stopping", reason="STOPPING", message="The service is stopped", running=0, pending=0)
        else:
            stopped = service.wanted.round
            self._see(
                status="Stopped", reason="STOPPED", message="Service is stopped", settled=stopped, running=0, pending=0
            )

    def _serve(self, service: Service) -> None:
        if self._round != service.wanted.round:
            self._begin(service)
        if self._candidate:
            self._candidate.look()
            if failure := self._candidate.failure:
                self._dismiss(self._candidate)
                self._candidate = None
                self._fail(service, failure)
            elif self._candidate.is_up:
                self._switch(service)
        if self._serving:
            self._fading += [(None, surplus)] if (surplus := self._serving.look()) else []

    def _begin(self, service: Service) -> None:
        """Begin what a new round asks for."""
        seen, wanted = service.seen, service.wanted
        first, before = self._round == 0, self._version
        self._round, self._version = wanted.round, wanted.version
        self._dismiss(self._candidate)
        self._candidate = None
        stopped = seen.status in _STOPPED
        if first and seen.version and not stopped and (seen.running or seen.version == wanted.version):
            # It answered when the server ended.
            self._serving = Crew(self._office, service, seen.version)
        if seen.settled == wanted.round and not stopped:
            return
        if self._serving and self._is_scaled(service, self._serving):
            self._see(status="Scaling", reason="SCALING", message="The number of instances changes")
            self._serving.adopt(service, wanted.version)
        elif self._serving and self._serving.version == wanted.version and (first or before != wanted.version):
            self._see(status="Updating", reason="UPDATING", message=f"Version {wanted.version} is to answer")
        else:
            self._candidate = Crew(self._office, service, wanted.version)
            self._see(**_under_way(seen, wanted.version))
            self._tell(NORMAL, "Creating", f"Instances of version {wanted.version} are made")

    def _is_scaled(self, service: Service, serving: Crew) -> bool:
        before, after = serving.version, service.wanted.version
        return after != before and differs_in_count_only(service.version(before).config, service.config)

    def _switch(self, service: Service) -> None:
        """Let requests go to the new instances."""
        old, self._serving, self._candidate = self._serving, self._candidate, None
        self._dismiss(old)
        self._tell(NORMAL, "Running", f"Version {service.wanted.version} answers")

    def _fail(self, service: Service, failure: Failure) -> None:
        """Say that what is wanted does not come up; what answers goes on answering."""
        if service.seen.status != "Failed" or service.seen.settled != service.wanted.round:
            text = f"Version {service.wanted.version} does not come up. {failure.message}"
            self._tell(WARNING, failure.reason, text)
        self._see(status="Failed", reason=failure.reason, message=failure.message, settled=service.wanted.round)

    def _tell_how_it_is(self, service: Service) -> None:
        """Write down what is seen of what serves."""
        serving, settled = self._serving, service.seen.settled == service.wanted.round
        latest = self._candidate or serving
        self._see(running=serving.ready if serving else 0, pending=latest.pending if latest else 0)
        if self._candidate or not serving or serving.version != service.wanted.version:
            # What is wanted is still to come, or has failed.
            return
        if serving.is_up:
            serving.failure = None
            self._see(**_RUNNING, version=serving.version, settled=service.wanted.round)
        elif serving.failure and not (settled and serving.instances):
            self._fail(service, serving.failure)
        elif settled and not serving.ready and service.seen.status == "Running":
            self._see(status="Waiting", reason="WAITING", message="No instance answers")

    def _offer(self) -> None:
        serving = self._serving.instances if self._serving else ()
        ready = [instance.upstream for instance in serving if instance.is_ready]
        self._ground.upstreams.offer(self._name, ready)
        crews = [crew for crew in (self._serving, self._candidate) if crew]
        self._shown = tuple(each.shown(crew.version) for crew in crews for each in crew.instances)

    def _dismiss(self, *crews: Crew | None) -> None:
        self._fading += [(crew, crew.dismiss()) for crew in crews if crew]

    def _fade(self) -> None:
        left = []
        for crew, instances in self._fading:
            still = [instance for instance in instances if not instance.has_faded()]
            if still:
                left.append((crew, still))
            elif crew:
                crew.clear()
        self._fading = left

    def _end_all(self) -> None:
        self._dismiss(self._candidate, self._serving)
        self._candidate = self._serving = None
        self._offer()
        for _, instances in self._fading:
            for instance in instances:
                instance.hurry()
        while self._fading:
            self._fade()
            self._wake.wait(self._ground.pace.look)
            self._wake.clear()

    def _see(self, **members: str | int) -> None:
        def change(service: Service) -> Service:
            return replace(service, seen=replace(service.seen, **members))  # type: ignore[arg-type]

        self._store.change(self._name, change)

    def _tell(self, kind: str, reason: str, text: str, instance: str = "") -> None:
        self._store.tell(self._name, Event(wire_time(self._ground.now()), kind, reason, text, instance))


def _under_way(seen: Seen, version: int) -> dict[str, str | int]:
    """Return what is seen of a service of which a version is brought up."""
    message = f"Instances of version {version} are made"
    if seen.status in _STOPPED:
        return {"status": "Starting", "reason": "STARTING", "message": message}
    if not seen.version:
        return {"status": "Waiting", "reason": "WAITING", "message": message}
    return {"status": "Updating", "reason": "UPDATING", "message": message}
