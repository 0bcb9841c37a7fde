"""What a wait for a service is for, and what a look at the service says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from airflow_provider_pai.model.serving.request import NO_VERSION
from airflow_provider_pai.model.serving.status import FAILED_STATUSES, ServiceSnapshot, ServiceStatus


class WaitResult(StrEnum):
    """What a look at a service says about a condition. Rows and events of triggers hold these values."""

    PENDING = "pending"
    REACHED = "reached"
    FAILED = "failed"
    STALE = "stale"
    """The service is as it was before the change; reads may lag behind [inferred], but not for long."""


class Observation(NamedTuple):
    """How a wait has ended.

    Attributes:
        service: the service as it was last seen; None when it could not be read.
        result: what that says about the condition.
    """

    service: ServiceSnapshot | None
    result: WaitResult


@dataclass(frozen=True)
class WaitCondition:
    """The condition that ends a wait: a version, else a status, else any status that stays.

    Trigger rows hold these members by name, so none may be renamed.

    Attributes:
        version: the version that is to answer; 0 for any.
        back: whether that is an older version, rolled back to.
        status: the status that the service is to have; empty for any that stays.
    """

    version: int = NO_VERSION
    back: bool = False
    status: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> WaitCondition:
        """Read the members as a trigger row holds them; members of a newer version are ignored."""
        return cls(**{item.name: value[item.name] for item in fields(cls) if item.name in value})

    def check(self, service: ServiceSnapshot) -> WaitResult:
        """Return what a service says about this condition."""
        if self.version:
            return self._check_version(service)
        if self.status:
            return self._check_status(service)
        return WaitResult.REACHED if service.is_settled else WaitResult.PENDING

    def _check_version(self, service: ServiceSnapshot) -> WaitResult:
        if not service.is_settled:
            return WaitResult.PENDING
        if service.status == ServiceStatus.RUNNING:
            return WaitResult.REACHED if self._is_current(service) else WaitResult.STALE
        if service.status != ServiceStatus.FAILED or self.back or service.latest_version < self.version:
            return WaitResult.STALE
        return WaitResult.FAILED

    def _check_status(self, service: ServiceSnapshot) -> WaitResult:
        if service.status == self.status:
            return WaitResult.REACHED
        return WaitResult.FAILED if service.status in FAILED_STATUSES else WaitResult.PENDING

    def _is_current(self, service: ServiceSnapshot) -> bool:
        # The number was noted before the change: two changes at once make it too small, never too large.
        current = service.current_version
        return current == self.version if self.back else current >= self.version
