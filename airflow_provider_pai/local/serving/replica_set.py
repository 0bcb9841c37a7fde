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
from airflow_provider_pai.local.eas.record import Service
from airflow_provider_pai.local.serving.host_resources import Ground
from airflow_provider_pai.local.serving.instance import Listener, ServiceInstance
from airflow_provider_pai.local.serving.lines import LastLines
from airflow_provider_pai.local.serving.plan import Plan, read_plan
from airflow_provider_pai.local.serving.preparation import NotReady, Prepared, Stores

_CHARACTERS = string.ascii_lowercase + string.digits
_GIST = 5

Tell = Callable[[str, str, str, str], None]
"""Gets type, reason, text and instance of an event."""


@dataclass(frozen=True)
class Failure:
    """Why a version does not come up.

    Attributes:
        reason: one word.
        message: sentence for people.
    """

    reason: str
    message: str


@dataclass(frozen=True)
class Office:
    """What crews of one service work with.

    Attributes:
        service: the service as it was first seen: its name and its ids don't change.
        folder: where instances and what they share have their folders.
        stores: where what they need comes from.
        ground: what instances stand on.
        lines: their last lines.
        tell: gets events.
    """

    service: Service
    folder: Path
    stores: Stores
    ground: Ground
    lines: LastLines
    tell: Tell


class Crew:
    """Instances of one version; only the thread of their service calls it.

    Args:
        office: what it works with.
        service: the service; its version's configuration is what instances are made by.
        version: the version.

    Attributes:
        version: the version its instances count as.
        instances: the instances, oldest first.
        failure: why it does not come up; None as long as it may.
    """

    def __init__(self, office: Office, service: Service, version: int) -> None:
        self.version = version
        self.instances: list[ServiceInstance] = []
        self.failure: Failure | None = None
        self._office = office
        self._halted = threading.Event()
        self._prepared: Prepared | None = None
        self._id = secrets.token_hex(5)
        self._config = service.version(version).config
        self._count = instance_count(self._config)
        self._plan: Plan | None = None
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

    def adopt(self, service: Service, version: int) -> None:
        """Count as another version, which differs in nothing but the number of instances."""
        self.version = version
        self._count = instance_count(service.version(version).config)
        self.failure = None

    def look(self) -> list[ServiceInstance]:
        """See to it that its instances run, and return those that are to end because there are too many."""
        if self._prepared is None:
            return []
        while len(self.instances) < self._count:
            self.instances.append(self._hired(self._prepared))
        surplus, self.instances = self.instances[self._count :], self.instances[: self._count]
        for instance in self.instances:
            instance.look()
            if self.failure is None:
                self.failure = self._failure_of(instance)
        return surplus

    def dismiss(self) -> list[ServiceInstance]:
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
        return self._office.folder / "shared" / self._id

    def _prepare(self) -> None:
        office = self._office
        say = partial(office.lines.add, f"{office.service.name}-{self._id}")
        try:
            self._plan = read_plan(self._config)
            self._prepared = office.stores.prepare(self._plan, self._shared, say, self._halted)
        except NotReady as error:
            self.failure = Failure(error.reason, str(error))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.failure = Failure("InvalidConfiguration", str(error))
        except OSError as error:
            self.failure = Failure("PrepareFailed", str(error))

    def _hired(self, prepared: Prepared) -> ServiceInstance:
        office = self._office
        if self._plan is None:
            raise RuntimeError("nothing is prepared without a plan")
        name = f"{office.service.name}-{self._id}-{''.join(secrets.choice(_CHARACTERS) for _ in range(5))}"
        listener = Listener(
            partial(office.lines.add, name),
            lambda reason, text: office.tell("Normal", reason, text, name),
            lambda reason, text: office.tell("Warning", reason, text, name),
        )
        folder = office.folder / "instances" / name
        return ServiceInstance(name, office.service.uid, self._plan, prepared, folder, office.ground, listener)

    def _failure_of(self, instance: ServiceInstance) -> Failure | None:
        pace = self._office.ground.pace
        gist = " | ".join(line for line in self._office.lines.of(instance.name)[-_GIST:])
        if instance.failed_starts >= pace.failed_starts:
            text = f"Instance {instance.name} ended {instance.failed_starts} times before it answered. Its last lines"
            return Failure("CrashLoopBackOff", f"{text}: {gist}")
        if instance.is_overdue:
            note = self._office.ground.network_note
            return Failure("StartupProbeFailed", f"Instance {instance.name} did not answer in time{note}: {gist}")
        return None
