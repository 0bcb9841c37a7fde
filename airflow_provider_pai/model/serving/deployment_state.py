"""How far a deployment is: plain values that a trigger row can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from airflow_provider_pai.model.serving.request import NO_VERSION
from airflow_provider_pai.model.serving.wait import WaitCondition


class Phase(StrEnum):
    """What a deployment waits for. Trigger rows hold these values."""

    SETTLE = "settle"
    """Another change of the service is under way."""
    UP = "up"
    """The wanted version comes up."""
    BACK = "back"
    """The previous version comes up again."""


@dataclass(frozen=True)
class DeploymentState:
    """How far a deployment is.

    Trigger rows hold these members by name. A member may be added; none may be renamed or removed.

    Attributes:
        name: the service.
        phase: what is waited for.
        digest: identifies the wanted configuration.
        version: the version that is waited for.
        changed: whether this task has asked for the version.
        dormant: whether the service was stopped when it got the version, so that it must still be started.
        started: whether this task has started the service.
        beginnings: how many attempts this deployment has made to apply the configuration.
        failure: why the wanted version has failed; empty while it has not.
    """

    name: str
    phase: str
    digest: str
    version: int = NO_VERSION
    changed: bool = False
    dormant: bool = False
    started: bool = False
    beginnings: int = 1
    failure: str = ""

    @property
    def condition(self) -> WaitCondition:
        """The condition that ends the wait."""
        if self.phase == Phase.SETTLE:
            return WaitCondition()
        return WaitCondition(self.version, back=self.phase == Phase.BACK)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "phase": str(self.phase)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DeploymentState:
        """Read what :meth:`to_json` wrote; members of a newer version are ignored."""
        return cls(**{item.name: value[item.name] for item in fields(cls) if item.name in value})
