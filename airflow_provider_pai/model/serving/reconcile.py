"""What brings a service to a configuration, and what rolls it back: decided from the service as it is, nothing else.

So a deployment that continues, is resumed by another process or is tried again takes the same decisions: each looks
first. The labels of a version say what it is, which task has asked for it, and which version was there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_pai.model.serving.request import NO_VERSION
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus


class Action(StrEnum):
    """The next thing to do."""

    CREATE = "create"
    UPDATE = "update"
    START = "start"
    AWAIT = "await"
    """The wanted version comes up."""
    SETTLE = "settle"
    """Another change is under way; look again when it is over."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class ReconcilePlan:
    """What to do next.

    Attributes:
        action: the next thing to do.
        version: the wanted version: its number, or the one it will get.
        previous: the version to roll back to; 0 when there was no service before, None when there is none.
    """

    action: Action
    version: int = NO_VERSION
    previous: int | None = None


def plan(existing: ServiceSnapshot | None, digest: str, owner: str) -> ReconcilePlan:
    """Decide what brings a service to a configuration.

    Args:
        existing: the service as it is; None when there is none.
        digest: identifies the wanted configuration.
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
        return ReconcilePlan(Action.NOTHING if _is_current(existing) else Action.AWAIT, wanted.version, wanted.previous)
    if existing.status == ServiceStatus.STOPPED:
        return ReconcilePlan(Action.START, wanted.version, wanted.previous)
    if existing.status in (ServiceStatus.STOPPING, ServiceStatus.DELETING):
        return ReconcilePlan(Action.SETTLE)
    if existing.is_settled:
        # It has failed. Who asks again wants it tried again.
        return ReconcilePlan(Action.UPDATE, existing.latest_version + 1, rollback_version(existing, owner))
    return wanted


def rollback_version(existing: ServiceSnapshot, owner: str) -> int | None:
    """Return the version to roll back to when the next one fails; see :class:`ReconcilePlan`.

    It is the version that answers now, or an older version that has passed its test if the one that answers never did.
    Of a failed service the version that answers is not known: EAS may name a version that never did. Then it is the
    version that the failed one would have been rolled back to. That there was no service before counts only for the
    task that has created it, since such a service is deleted.
    """
    if existing.status != ServiceStatus.FAILED:
        return (existing.passed if _never_passed(existing) else existing.current_version) or None
    if existing.previous == NO_VERSION:
        return NO_VERSION if existing.owner == owner else None
    if existing.previous is not None:
        return existing.previous
    return None if existing.current_version in (NO_VERSION, existing.latest_version) else existing.current_version


FOREIGN = "Modified outside this task; not rolled back."
UNCHANGED = "Not changed by this task; not rolled back."
DELETED = "Rolled back: the service was deleted; there was none before."


class RollbackAction(StrEnum):
    """What takes back what a task has done to a service."""

    LEAVE = "leave"
    """Nothing: the service is not this task's to change."""
    STOP = "stop"
    DELETE = "delete"
    BACK = "back"
    """An older version is to answer again."""


@dataclass(frozen=True)
class RollbackPlan:
    """How to take back what a task has done to a service.

    Attributes:
        action: what to do.
        outcome: what holds afterwards, for people.
        version: the version to roll back to.
    """

    action: RollbackAction
    outcome: str
    version: int = NO_VERSION


def plan_rollback(now: ServiceSnapshot | None, digest: str, owner: str, *, started: bool = False) -> RollbackPlan:
    """Decide how a task takes back what it has done to a service.

    Only a version that the task has asked for itself, and that was not modified since, is given up.

    Args:
        now: the service as it is at this moment; None when there is none.
        digest: identifies the configuration that the task has wanted.
        owner: the task instance.
        started: whether the task has done nothing but start the service.
    """
    leave = RollbackAction.LEAVE
    if is_foreign(now, digest) or now is None:
        return RollbackPlan(leave, FOREIGN)
    if now.status in (ServiceStatus.STOPPED, ServiceStatus.STOPPING):
        return RollbackPlan(leave, f"Stopped outside this task; the service is left {now.status}.")
    if started:
        return RollbackPlan(RollbackAction.STOP, "Rolled back: the service is stopped, as it was before.")
    if now.owner != owner:
        return RollbackPlan(leave, UNCHANGED)
    if now.passed is not None and now.passed >= now.version:
        return RollbackPlan(leave, "Not rolled back: the version has passed its test before.")
    if now.previous is None:
        return RollbackPlan(leave, "Not rolled back: no previous version is known.")
    if now.previous != NO_VERSION:
        return RollbackPlan(RollbackAction.BACK, f"Rolled back: version {now.previous} answers again.", now.previous)
    if now.latest_version > now.version:
        return RollbackPlan(leave, "Not rolled back: the service has later versions, which are not this task's.")
    return RollbackPlan(RollbackAction.DELETE, DELETED)


def is_foreign(now: ServiceSnapshot | None, digest: str) -> bool:
    """Whether a service has another configuration than the wanted one, or is gone."""
    gone = now is None or now.status in (ServiceStatus.DELETING, ServiceStatus.DELETED)
    return gone or (now is not None and now.digest != digest)


def _never_passed(service: ServiceSnapshot) -> bool:
    """Whether a task has asked for the version that answers, and it never passed, though an older one did."""
    asked_for = bool(service.digest) and service.version == service.current_version
    return asked_for and service.passed is not None and service.passed < service.current_version


def _is_current(service: ServiceSnapshot) -> bool:
    """Whether the version that answers is the wanted one.

    After a rollback the wanted version is older than the newest; then its label tells which it is.
    """
    return service.current_version in (service.latest_version, service.version)
