"""The instances of one version of a service."""

from __future__ import annotations

import secrets
import shutil
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from airflow_provider_pai.local.eas.config import instance_count
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.without_effect import members_without_effect
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.instance import InstanceListener, ServiceInstance
from airflow_provider_pai.local.serving.log_tail import InstanceLogTail
from airflow_provider_pai.local.serving.preparation import PreparationError, PreparedVersion, VersionPreparer
from airflow_provider_pai.local.serving.replica_spec import ReplicaSpec, read_replica_spec

_CHARACTERS = string.ascii_lowercase + string.digits
_GIST = 5

EmitEvent = Callable[[str, str, str, str], None]
"""Gets type, reason, text and instance of an event."""


@dataclass(frozen=True)
class StartFailure:
    """Why a version does not come up.

    Attributes:
        reason: one word.
        message: sentence for people.
    """

    reason: str
    message: str


@dataclass(frozen=True)
class ReplicaSetContext:
    """What the replica sets of one service work with.

    Attributes:
        service: the service as it was first seen: its name and its ids don't change.
        folder: where instances and what they share have their folders.
        stores: where what they need comes from.
        host: what instances stand on.
        lines: their last lines.
        emit: receives events.
    """

    service: ServiceRecord
    folder: Path
    stores: VersionPreparer
    host: HostResources
    lines: InstanceLogTail
    emit: EmitEvent


class ReplicaSet:
    """Instances of one version; only the thread of their service calls it.

    Args:
        context: what it works with.
        service: the service; its version's configuration is what instances are made by.
        version: the version.

    Attributes:
        version: the version its instances count as.
        instances: the instances, oldest first.
        failure: why it does not come up; None as long as it may.
    """

    def __init__(self, context: ReplicaSetContext, service: ServiceRecord, version: int) -> None:
        self.version = version
        self.instances: list[ServiceInstance] = []
        self.failure: StartFailure | None = None
        self._context = context
        self._halted = threading.Event()
        self._prepared: PreparedVersion | None = None
        self._id = secrets.token_hex(5)
        self._config = service.version(version).config
        self._count = instance_count(self._config)
        self._spec: ReplicaSpec | None = None
        self._preparing = threading.Thread(target=self._prepare, daemon=True, name=f"prepare-{service.name}")
        self._preparing.start()

    @property
    def ready(self) -> int:
        """How many instances can have requests."""
        return sum(instance.is_ready for instance in self.instances)

    @property
    def is_up(self) -> bool:
        """Whether all its instances can have requests."""
        return self._prepared is not None and self.ready == len(self.instances) == self._count

    @property
    def pending(self) -> int:
        """How many instances are still to come."""
        return max(0, self._count - self.ready)

    def adopt(self, service: ServiceRecord, version: int) -> None:
        """Count as another version, which differs in nothing but the number of instances."""
        self.version = version
        self._count = instance_count(service.version(version).config)
        self.failure = None

    def look(self) -> list[ServiceInstance]:
        """See to it that its instances run, and return those that are to end because there are too many."""
        if self._prepared is None:
            return []
        while len(self.instances) < self._count:
            self.instances.append(self._start_instance(self._prepared))
        surplus, self.instances = self.instances[self._count :], self.instances[: self._count]
        for instance in self.instances:
            instance.look()
            if self.failure is None:
                self.failure = self._failure_of(instance)
        return surplus

    def terminate(self) -> list[ServiceInstance]:
        """Return the instances, which are to end; it makes no others."""
        self._halted.set()
        instances, self.instances, self._count = self.instances, [], 0
        return instances

    def clear(self) -> None:
        """Remove what its instances shared; they have ended."""
        self._preparing.join()
        shutil.rmtree(self._shared, ignore_errors=True)

    @property
    def _shared(self) -> Path:
        return self._context.folder / "shared" / self._id

    def _prepare(self) -> None:
        context = self._context
        say = partial(context.lines.add, f"{context.service.name}-{self._id}")
        try:
            for member in members_without_effect(self._config):
                say(f"[{member} is taken without effect: it means nothing on this machine]")
            self._spec = read_replica_spec(self._config)
            for mount in self._spec.objects:
                if mount.writable:
                    say(f"[{mount.path} is a copy of each instance's own: what is written there does not reach OSS]")
            self._prepared = context.stores.prepare(self._spec, self._shared, say, self._halted)
        except PreparationError as error:
            self.failure = StartFailure(error.reason, str(error))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.failure = StartFailure("InvalidConfiguration", str(error))
        except OSError as error:
            self.failure = StartFailure("PrepareFailed", str(error))

    def _start_instance(self, prepared: PreparedVersion) -> ServiceInstance:
        context = self._context
        if self._spec is None:
            raise RuntimeError("nothing is prepared without a spec")
        name = f"{context.service.name}-{self._id}-{''.join(secrets.choice(_CHARACTERS) for _ in range(5))}"
        listener = InstanceListener(
            partial(context.lines.add, name),
            lambda reason, text: context.emit("Normal", reason, text, name),
            lambda reason, text: context.emit("Warning", reason, text, name),
        )
        folder = context.folder / "instances" / name
        return ServiceInstance(name, context.service.uid, self._spec, prepared, folder, context.host, listener)

    def _failure_of(self, instance: ServiceInstance) -> StartFailure | None:
        timings = self._context.host.timings
        gist = " | ".join(line for line in self._context.lines.of(instance.name)[-_GIST:])
        if instance.failed_starts >= timings.failed_starts:
            text = f"Instance {instance.name} ended {instance.failed_starts} times before it answered. Its last lines"
            return StartFailure("CrashLoopBackOff", f"{text}: {gist}")
        if instance.is_overdue:
            why = f", because {instance.unready_reason}" if instance.unready_reason else ""
            text = f"Instance {instance.name} did not answer in time{why}{self._context.host.network_note}"
            return StartFailure("StartupProbeFailed", f"{text}: {gist}" if gist else text)
        return None
