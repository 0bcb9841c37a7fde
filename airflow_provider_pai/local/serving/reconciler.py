"""Brings one service to what is wanted of it, and tells what it sees."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.eas.record import NORMAL, WARNING, Event, Seen, ServiceRecord
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.instance import ServiceInstance
from airflow_provider_pai.local.serving.instance_workspace import end_survivors
from airflow_provider_pai.local.serving.log_tail import InstanceLogTail
from airflow_provider_pai.local.serving.preparation import VersionPreparer
from airflow_provider_pai.local.serving.replica_set import ReplicaSet, ReplicaSetContext, StartFailure
from airflow_provider_pai.local.serving.replica_spec import differs_in_count_only

logger = logging.getLogger(__name__)

Members = dict[str, str | int]
"""Members of :class:`Seen` to change."""

_AFTER_AN_ERROR_SECONDS = 1.0
_RUNNING = {"status": "Running", "reason": "RUNNING", "message": "Service start successfully"}
_STOPPED = frozenset({"Stopped", "Stopping", "Starting"})


class Reconciler:
    """Looks after one service; :meth:`run` is a thread of its own, and the only writer of what is seen of the service.

    A version is brought up beside the one that answers. When all its instances are ready, requests go to them from one
    moment to the next, and the others end when they have answered what they had. When it does not come up, it ends, and
    the others keep running.

    Args:
        service: the service.
        store: the services.
        stores: where what instances need comes from.
        host: what they stand on.

    Attributes:
        lines: what instances printed last.
    """

    def __init__(
        self, service: ServiceRecord, store: ServiceStore, stores: VersionPreparer, host: HostResources
    ) -> None:
        self.lines = InstanceLogTail()
        self._name = service.name
        self._store = store
        self._host = host
        folder = store.folder(service.name)
        self._context = ReplicaSetContext(service, folder, stores, host, self.lines, self._emit_event)
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._serving: ReplicaSet | None = None
        self._candidate: ReplicaSet | None = None
        self._draining: list[tuple[ReplicaSet | None, list[ServiceInstance]]] = []
        self._generation, self._version = 0, 0
        self._answered = service.seen.running > 0
        self._unwritten: Members = {}
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
        end_survivors(self._context.folder / "instances", self._context.service.uid)
        try:
            while not self._closed.is_set():
                try:
                    if not self._look():
                        return
                except OSError as error:
                    logger.warning("service %s can't be looked after: %s", self._name, error)
                    self._closed.wait(_AFTER_AN_ERROR_SECONDS)
                self._wake.wait(self._host.timings.look)
                self._wake.clear()
        finally:
            self._end_all()

    def _look(self) -> bool:
        """Look once; False when the service is gone."""
        service = self._store.get(self._name)
        if service is None:
            return False
        winding_down = service.wanted.deleted or not service.wanted.running
        if winding_down:
            self._wind_down()
            self._unwritten = {}
        else:
            # Kept until it is written: on a full disk, how a version has failed must not be forgotten.
            self._unwritten |= self._serve(service)
        # Before the status shows it: a caller who reads that a version runs is answered by it.
        self._publish_endpoints()
        if winding_down:
            self._report_end(service)
        else:
            self._report_status(service)
            self._unwritten = {}
        self._drain()
        if service.wanted.deleted and not self._draining:
            self._store.forget(self._name)
            return False
        return True

    def _wind_down(self) -> None:
        self._terminate(self._candidate, self._serving)
        self._candidate = self._serving = None
        self._generation = 0

    def _report_end(self, service: ServiceRecord) -> None:
        if service.wanted.deleted:
            self._record(status="Deleting", reason="DELETING", message="The service is deleted", running=0, pending=0)
        elif self._draining:
            self._record(status="Stopping", reason="STOPPING", message="The service is stopped", running=0, pending=0)
        else:
            stopped = service.wanted.generation
            self._record(
                status="Stopped", reason="STOPPED", message="Service is stopped", settled=stopped, running=0, pending=0
            )

    def _serve(self, service: ServiceRecord) -> Members:
        """Bring the service nearer to what is wanted, and return what that changes of what is seen of it."""
        changes = self._begin(service) if self._generation != service.wanted.generation else {}
        if self._candidate:
            self._candidate.look()
            if failure := self._candidate.failure:
                self._terminate(self._candidate)
                self._candidate = None
                changes = self._announce_failure(service, failure)
            elif self._candidate.is_up:
                self._switch(service)
        if self._serving:
            self._draining += [(None, surplus)] if (surplus := self._serving.look()) else []
        return changes

    def _begin(self, service: ServiceRecord) -> Members:
        """Begin what a new generation asks for, and return what that changes of what is seen of the service."""
        seen, wanted = service.seen, service.wanted
        first, before = self._generation == 0, self._version
        self._generation, self._version = wanted.generation, wanted.version
        self._terminate(self._candidate)
        self._candidate = None
        stopped = seen.status in _STOPPED
        if first and seen.version and not stopped and (self._answered or seen.version == wanted.version):
            # It answered when the server ended.
            self._serving = ReplicaSet(self._context, service, seen.version)
        if seen.settled == wanted.generation and not stopped:
            return {}
        if self._serving and self._is_scaled(service, self._serving):
            self._serving.adopt(service, wanted.version)
            return {"status": "Scaling", "reason": "SCALING", "message": "The number of instances changes"}
        if self._serving and self._serving.version == wanted.version and (first or before != wanted.version):
            return {"status": "Updating", "reason": "UPDATING", "message": f"Version {wanted.version} is to answer"}
        self._candidate = ReplicaSet(self._context, service, wanted.version)
        self._emit_event(NORMAL, "Creating", f"Instances of version {wanted.version} are made")
        return _under_way(seen, wanted.version)

    def _is_scaled(self, service: ServiceRecord, serving: ReplicaSet) -> bool:
        before, after = serving.version, service.wanted.version
        return after != before and differs_in_count_only(service.version(before).config, service.config)

    def _switch(self, service: ServiceRecord) -> None:
        """Let requests go to the new instances."""
        old, self._serving, self._candidate = self._serving, self._candidate, None
        self._terminate(old)
        self._emit_event(NORMAL, "Running", f"Version {service.wanted.version} answers")

    def _announce_failure(self, service: ServiceRecord, failure: StartFailure) -> Members:
        """Return that what is wanted does not come up, with an event the first time; what answers keeps answering."""
        if service.seen.status != "Failed" or service.seen.settled != service.wanted.generation:
            text = f"Version {service.wanted.version} does not come up. {failure.message}"
            self._emit_event(WARNING, failure.reason, text)
        settled = service.wanted.generation
        return {"status": "Failed", "reason": failure.reason, "message": failure.message, "settled": settled}

    def _report_status(self, service: ServiceRecord) -> None:
        """Write down what is seen of what serves: counts and status in one change, so that they never contradict."""
        serving, latest = self._serving, self._candidate or self._serving
        counts = {"running": serving.ready if serving else 0, "pending": latest.pending if latest else 0}
        self._record(**{**counts, **self._unwritten, **self._observe(service)})

    def _observe(self, service: ServiceRecord) -> Members:
        """Return what is new about the status of what serves."""
        serving, settled = self._serving, service.seen.settled == service.wanted.generation
        if self._candidate or not serving or serving.version != service.wanted.version:
            # What is wanted is still to come, or has failed.
            return {}
        if serving.is_up:
            serving.failure = None
            return {**_RUNNING, "version": serving.version, "settled": service.wanted.generation}
        if serving.failure and not (settled and serving.instances):
            return self._announce_failure(service, serving.failure)
        if settled and not serving.ready and service.seen.status == "Running":
            return {"status": "Waiting", "reason": "WAITING", "message": "No instance answers"}
        if settled and serving.ready and service.seen.status == "Waiting":
            # One of several is back, which is what a service runs with that has lost the others.
            return dict(_RUNNING)
        return {}

    def _publish_endpoints(self) -> None:
        serving = self._serving.instances if self._serving else ()
        ready = [instance.upstream for instance in serving if instance.is_ready]
        self._host.upstreams.publish(self._name, ready)
        replica_sets = [replica_set for replica_set in (self._serving, self._candidate) if replica_set]
        self._shown = tuple(
            each.shown(replica_set.version) for replica_set in replica_sets for each in replica_set.instances
        )

    def _terminate(self, *replica_sets: ReplicaSet | None) -> None:
        self._draining += [(replica_set, replica_set.terminate()) for replica_set in replica_sets if replica_set]

    def _drain(self) -> None:
        left = []
        for replica_set, instances in self._draining:
            still = [instance for instance in instances if not instance.has_drained()]
            if still:
                left.append((replica_set, still))
            elif replica_set:
                replica_set.clear()
        self._draining = left

    def _end_all(self) -> None:
        self._terminate(self._candidate, self._serving)
        self._candidate = self._serving = None
        self._publish_endpoints()
        for _, instances in self._draining:
            for instance in instances:
                instance.skip_drain()
        while self._draining:
            self._drain()
            self._wake.wait(self._host.timings.look)
            self._wake.clear()

    def _record(self, **members: str | int) -> None:
        def change(service: ServiceRecord) -> ServiceRecord:
            return replace(service, seen=replace(service.seen, **members))  # type: ignore[arg-type]

        self._store.change(self._name, change)

    def _emit_event(self, kind: str, reason: str, text: str, instance: str = "") -> None:
        self._store.add_event(self._name, Event(wire_time(self._host.now()), kind, reason, text, instance))


def _under_way(seen: Seen, version: int) -> Members:
    """Return what is seen of a service of which a version is brought up."""
    message = f"Instances of version {version} are made"
    if seen.status in _STOPPED:
        return {"status": "Starting", "reason": "STARTING", "message": message}
    if not seen.version:
        return {"status": "Waiting", "reason": "WAITING", "message": message}
    return {"status": "Updating", "reason": "UPDATING", "message": message}
