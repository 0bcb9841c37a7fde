"""What to do about a service so that it becomes what is wanted: decided from what is seen of it, and from nothing else.

So it makes no difference whether a deployment goes on, is resumed by another process or is tried again: each looks
first. What a version is, whose it is and what was there before it is written into the version itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_pai.model.serving.request import NO_VERSION
from airflow_provider_pai.model.serving.status import FAILED_STATUSES, ServiceSnapshot, ServiceStatus


class Action(StrEnum):
    """The next thing to do."""

    CREATE = "create"
    UPDATE = "update"
    START = "start"
    AWAIT = "await"
    """The wanted version is being brought up."""
    SETTLE = "settle"
    """Something else is under way; look again when it is over."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class ReconcilePlan:
    """What to do next.

    Attributes:
        action: the next thing to do.
        version: the version that is wanted: its number, or the one it will get.
        previous: the version to go back to; 0 when there was no service before, None when there is none.
    """

    action: Action
    version: int = NO_VERSION
    previous: int | None = None


def plan(existing: ServiceSnapshot | None, digest: str, owner: str) -> ReconcilePlan:
    """Decide what brings a service to a configuration.

    Args:
        existing: the service as it is; None when there is none.
        digest: tells the configuration that is wanted.
        owner: the task instance that wants it.
    """
    if existing is None:
        return ReconcilePlan(Action.CREATE, 1, NO_VERSION)
    if existing.digest != digest:
        if not existing.is_settled:
            return ReconcilePlan(Action.SETTLE)
        return ReconcilePlan(Action.UPDATE, existing.latest_version + 1, rollback_version(existing, owner))
    wanted = ReconcilePlan(Action.AWAIT, existing.version, existing.previous)
    if existing.status == ServiceStatus.RUNNING:
        return ReconcilePlan(Action.NOTHING if _is_reached(existing) else Action.AWAIT, wanted.version, wanted.previous)
    if existing.status == ServiceStatus.STOPPED:
        return ReconcilePlan(Action.START, wanted.version, wanted.previous)
    if existing.status in (ServiceStatus.STOPPING, ServiceStatus.DELETING):
        return ReconcilePlan(Action.SETTLE)
    if existing.is_settled:
        # It has failed. Whoever asks once more wants it tried once more.
        return ReconcilePlan(Action.UPDATE, existing.latest_version + 1, rollback_version(existing, owner))
    return wanted


def rollback_version(existing: ServiceSnapshot, owner: str) -> int | None:
    """Return the version to go back to when the next one is no good; see :class:`ReconcilePlan`.

    It is what answers now, or an older version that has passed its test, if the one that answers never did. Of a
    service that has failed nobody can tell what answers: EAS may name a version that never did. Then it is what the
    failed version would have gone back to; that there was no service before counts only for the task that has created
    it, since such a service is deleted.
    """
    if existing.status != ServiceStatus.FAILED:
        return (existing.passed if _never_passed(existing) else existing.current_version) or None
    if existing.previous == NO_VERSION:
        return NO_VERSION if existing.owner == owner else None
    if existing.previous is not None:
        return existing.previous
    return None if existing.current_version in (NO_VERSION, existing.latest_version) else existing.current_version


FOREIGN = "it was changed by somebody else meanwhile; it is left as it is"
UNCHANGED = "this task has not changed it, so nothing is rolled back"


class RollbackAction(StrEnum):
    """What takes back what a task has done to a service."""

    LEAVE = "leave"
    """Nothing: it is not this task's to take back."""
    STOP = "stop"
    DELETE = "delete"
    BACK = "back"


@dataclass(frozen=True)
class RollbackPlan:
    """How to take back what a task has done to a service.

    Attributes:
        undo: what to do.
        said: what that leaves behind, for people.
        version: the version to go back to.
    """

    undo: RollbackAction
    said: str
    version: int = NO_VERSION


def plan_rollback(now: ServiceSnapshot | None, digest: str, owner: str, *, started: bool = False) -> RollbackPlan:
    """Decide how a task takes back what it has done to a service.

    Only a version that it has asked for itself, and that nobody has touched since, is given up.

    Args:
        now: the service as it is at this moment; None when there is none.
        digest: tells the configuration that the task has wanted.
        owner: the task instance.
        started: whether all it has done was to start the service.
    """
    if is_foreign(now, digest) or now is None:
        return RollbackPlan(RollbackAction.LEAVE, FOREIGN)
    if now.status in (ServiceStatus.STOPPED, ServiceStatus.STOPPING):
        return RollbackPlan(
            RollbackAction.LEAVE, f"nothing: somebody has stopped it meanwhile, so it is left {now.status}"
        )
    if started:
        return RollbackPlan(RollbackAction.STOP, "nothing: it was stopped before, and is again")
    if now.owner != owner:
        return RollbackPlan(RollbackAction.LEAVE, UNCHANGED)
    if now.passed is not None and now.passed >= now.version:
        return RollbackPlan(RollbackAction.LEAVE, "it has passed its test before, so nothing is rolled back")
    if now.previous is None:
        return RollbackPlan(RollbackAction.LEAVE, "no version before it is known, so nothing is rolled back")
    if now.previous != NO_VERSION:
        return RollbackPlan(RollbackAction.BACK, f"version {now.previous}", now.previous)
    if now.latest_version > now.version:
        return RollbackPlan(
            RollbackAction.LEAVE, "it has later versions, which are not this task's, so it is left as it is"
        )
    return RollbackPlan(RollbackAction.DELETE, "there was no version before it; the service was deleted")


def is_foreign(now: ServiceSnapshot | None, digest: str) -> bool:
    """Whether somebody else has made something else of a service, or nothing at all."""
    gone = now is None or now.status in (ServiceStatus.DELETING, ServiceStatus.DELETED)
    return gone or (now is not None and now.digest != digest)


def _never_passed(service: ServiceSnapshot) -> bool:
    """Whether a task has asked for the version that answers, and none has seen it pass, though an older one did."""
    asked_for = bool(service.digest) and service.version == service.current_version
    return asked_for and service.passed is not None and service.passed < service.current_version


def _is_reached(service: ServiceSnapshot) -> bool:
    """Whether the version that answers is the wanted one.

    After a way back the wanted version is older than the newest; then its label tells which it is.
    """
    return service.current_version in (service.latest_version, service.version)


class WaitResult(StrEnum):
    """What a look at a service says to somebody who waits for it."""

    PENDING = "pending"
    REACHED = "reached"
    FAILED = "failed"
    STALE = "stale"
    """It is as it was before the change was asked for; reads may lag behind [inferred], but not for long."""


@dataclass(frozen=True)
class WaitCondition:
    """What somebody waits for: a version, else a status, else any status that stays.

    Attributes:
        version: the version that is to answer; 0 for any.
        back: whether it is an older one, gone back to.
        status: the status it is to have; empty for any that stays.
    """

    version: int = NO_VERSION
    back: bool = False
    status: str = ""

    def verdict(self, service: ServiceSnapshot) -> WaitResult:
        """Judge a service."""
        if self.version:
            return self._of_version(service)
        if self.status:
            return self._of_status(service)
        return WaitResult.REACHED if service.is_settled else WaitResult.PENDING

    def _of_version(self, service: ServiceSnapshot) -> WaitResult:
        if not service.is_settled:
            return WaitResult.PENDING
        if service.status == ServiceStatus.RUNNING:
            return WaitResult.REACHED if self._answers(service) else WaitResult.STALE
        if service.status != ServiceStatus.FAILED or self.back or service.latest_version < self.version:
            return WaitResult.STALE
        return WaitResult.FAILED

    def _of_status(self, service: ServiceSnapshot) -> WaitResult:
        if service.status == self.status:
            return WaitResult.REACHED
        return WaitResult.FAILED if service.status in FAILED_STATUSES else WaitResult.PENDING

    def _answers(self, service: ServiceSnapshot) -> bool:
        # A number noted beforehand may be too small when two asked at the same time, never too large.
        current = service.current_version
        return current == self.version if self.back else current >= self.version
