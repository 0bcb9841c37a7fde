"""What local EAS knows of one service: what it is to be, and what was last seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from airflow_provider_pai.local.eas.config import group_of

STANDALONE, GROUPING = "standalone", "grouping"
NORMAL, WARNING = "Normal", "Warning"


@dataclass(frozen=True)
class Version:
    """One version of a service's configuration.

    Attributes:
        number: from 1.
        config: the service JSON, complete; it may hold secrets, so no repr shows it.
        built: when it was made, as on the wire.
    """

    number: int
    config: Mapping[str, Any] = field(repr=False)
    built: str


@dataclass(frozen=True)
class Wanted:
    """What a service is to be. Only the routes of the API write it.

    Attributes:
        version: the version that is to serve.
        generation: raised by every update, rollback, start and restart, so that a version is brought up once more.
        running: False when it is to be stopped.
        deleted: True when it is to go.
        weight: its share of its group's traffic.
        traffic: ``standalone`` or ``grouping``: whether its group's endpoint leads to it.
    """

    version: int = 1
    generation: int = 1
    running: bool = True
    deleted: bool = False
    weight: int = 100
    traffic: str = STANDALONE


@dataclass(frozen=True)
class Seen:
    """What was last seen of a service. Only its reconciler writes it.

    Attributes:
        status: EAS's word for it.
        reason: short reason.
        message: sentence for people.
        version: version of the instances that answer; 0 before the first does.
        settled: the generation of :class:`Wanted` that this is the outcome of; smaller while it is worked on.
        running: number of instances that answer.
        pending: number of instances that are to come.
    """

    status: str = "Creating"
    reason: str = ""
    message: str = ""
    version: int = 0
    settled: int = 0
    running: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Event:
    """Something that happened to a service.

    Attributes:
        time: when, as on the wire.
        type: ``Normal`` or ``Warning``.
        reason: one word, such as ``CrashLoopBackOff``.
        message: sentence for people.
        instance: name of the instance it happened to; empty for the service itself.
    """

    time: str
    type: str
    reason: str
    message: str
    instance: str = ""


@dataclass(frozen=True)
class ServiceRecord:
    """A service.

    Attributes:
        name: unique in the region.
        service_id: ``eas-m-...``.
        uid: id of the object behind it.
        token: what callers show.
        created: when it was created, as on the wire.
        updated: when anybody last asked for a change.
        versions: all versions, oldest first.
        wanted: what it is to be.
        seen: what was last seen of it.
        labels: its labels.
        events: what happened, oldest first; a bounded number.
    """

    name: str
    service_id: str
    uid: str
    token: str = field(repr=False)
    created: str
    updated: str
    versions: tuple[Version, ...]
    wanted: Wanted = Wanted()
    seen: Seen = Seen()
    labels: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration that is to serve."""
        return self.version(self.wanted.version).config

    @property
    def group(self) -> str:
        """Its service group; empty for none."""
        return group_of(self.config)

    def version(self, number: int) -> Version:
        """Return a version.

        Raises:
            KeyError: there is none of this number.
        """
        for version in self.versions:
            if version.number == number:
                return version
        raise KeyError(number)

    def to_json(self) -> dict[str, Any]:
        """Return what is kept on disk."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(
            **{
                **value,
                "versions": tuple(Version(**each) for each in value["versions"]),
                "wanted": Wanted(**value["wanted"]),
                "seen": Seen(**value["seen"]),
                "events": tuple(Event(**each) for each in value["events"]),
            }
        )
