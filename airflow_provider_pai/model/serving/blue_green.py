"""The two services that take turns in one group: which one gets the next model, and the next traffic weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.serving.names import BLUE, GREEN, pair_member_name
from airflow_provider_pai.model.serving.reconcile import (
    DELETED,
    FOREIGN,
    UNCHANGED,
    RollbackAction,
    is_foreign,
    plan_rollback,
)
from airflow_provider_pai.model.serving.status import GROUPING, STANDALONE, ServiceSnapshot, ServiceStatus

FULL = 100
_STOPPED = (ServiceStatus.STOPPED, ServiceStatus.STOPPING)


@dataclass(frozen=True)
class WeightChange:
    """A service's new share of its group's traffic.

    Attributes:
        name: the service.
        weight: its weight among the group's services.
    """

    name: str
    weight: int

    @property
    def traffic_state(self) -> str:
        """What takes a service out of its group's traffic is ``standalone``, says EAS's page on service groups."""
        return GROUPING if self.weight else STANDALONE


@dataclass(frozen=True)
class BlueGreenPair:
    """The two services as they are.

    Attributes:
        group: the group; the services are called after it.
        blue: the one; None when there is none.
        green: the other; None when there is none.
    """

    group: str
    blue: ServiceSnapshot | None
    green: ServiceSnapshot | None

    @property
    def serving(self) -> ServiceSnapshot | None:
        """The service that gets most of the traffic; None when none gets any."""
        found = [member for member in (self.blue, self.green) if member and member.share]
        return max(found, key=lambda member: member.share, default=None)

    @property
    def unclear(self) -> ServiceSnapshot | None:
        """A service of which EAS does not tell whether it gets traffic; None when it tells of both."""
        return next((member for member in (self.blue, self.green) if member and not member.traffic_state), None)

    def target(self, digest: str) -> str:
        """Return the name of the service that is to get a configuration.

        It is the one that has it already: then a deployment continues where it stopped, and a return to the former
        model is a change of weights only. Else it is one that has traffic and is down, if the other one runs; else the
        one with the least traffic; an existing one before one that does not exist.
        """
        names = {pair_member_name(self.group, BLUE): self.blue, pair_member_name(self.group, GREEN): self.green}
        having = {name: member for name, member in names.items() if member and member.digest == digest}
        if having:
            return max(having, key=lambda name: having[name].share)
        return min(names, key=lambda name: _rank(names[name], self.other(name)))

    def member(self, name: str) -> ServiceSnapshot | None:
        """Return the service of this name; None when there is none."""
        return self.blue if name == pair_member_name(self.group, BLUE) else self.green

    def other(self, name: str) -> ServiceSnapshot | None:
        """Return the service beside the one of this name; None when there is none."""
        return self.green if name == pair_member_name(self.group, BLUE) else self.blue

    def is_in_use(self, name: str, owner: str) -> bool:
        """Whether a service has a part of the traffic because another task is shifting traffic step by step.

        Args:
            name: the service that is to get another model.
            owner: the task instance that wants that.
        """
        member, other = self.member(name), self.other(name)
        if member is None or other is None or _is_down(member):
            return False
        return bool(member.share and other.share and member.owner not in ("", owner))

    def weights_before_update(self, name: str) -> tuple[WeightChange, ...]:
        """Return the changes that take the traffic from a service that gets another model, if the other one runs."""
        member, other = self.member(name), self.other(name)
        return retreat(member, other) if member and member.share and is_running(other) else ()

    def idle_member(self, name: str) -> str:
        """Return the name of the service that may be stopped because this one has all traffic; empty for none."""
        member, other = self.member(name), self.other(name)
        if self.unclear or member is None or other is None or other.share:
            return ""
        if not member.share or not is_running(member):
            return ""
        return "" if other.status in _STOPPED else other.name


def next_weights(
    target: ServiceSnapshot, other: ServiceSnapshot | None, steps: Sequence[int]
) -> tuple[WeightChange, ...]:
    """Return the next changes that move traffic to a service, in their order; empty when it has all of it.

    What raises a weight comes first, so that the sum is never 0.

    Args:
        target: the service that is to get it.
        other: the service that has it; None for none.
        steps: percentages to stop at, ascending; the last is 100.
    """
    rest = other.share if other else 0
    if not rest or other is None:
        return tuple(_changed(target, FULL))
    reached = FULL * target.share / (target.share + rest)
    percent = next((step for step in steps if step > reached), FULL)
    if percent == FULL:
        return (*_changed(target, FULL), *_changed(other, 0))
    return (*_changed(target, percent), *_changed(other, FULL - percent))


def retreat(target: ServiceSnapshot, other: ServiceSnapshot | None) -> tuple[WeightChange, ...]:
    """Return the changes that move all traffic away from a service, in their order."""
    return (*(_changed(other, FULL) if other else ()), *(_changed(target, 0)))


def is_running(member: ServiceSnapshot | None) -> bool:
    """Whether a service can be given traffic."""
    return member is not None and member.status == ServiceStatus.RUNNING


@dataclass(frozen=True)
class AbortPlan:
    """How a service's traffic, and what a task has done to the service, are taken back.

    Attributes:
        outcome: what holds afterwards, for people.
        weights: changes of weights, in their order.
        action: what to do to the service itself, once it has no traffic.
    """

    outcome: str
    weights: tuple[WeightChange, ...] = ()
    action: RollbackAction = RollbackAction.LEAVE


def plan_abort(
    pair: BlueGreenPair, name: str, digest: str, owner: str, *, started: bool = False, shifted: bool = False
) -> AbortPlan:
    """Decide how a task takes back what it has done to one of the two services.

    The traffic goes to a service that runs, or stays: no answer is worse than the answer of a model that has failed.

    Args:
        pair: the services as they are at this moment.
        name: the service that is given up.
        digest: identifies the configuration that the task has wanted.
        owner: the task instance.
        started: whether the task has done nothing but start the service.
        shifted: whether it has changed weights; then the weights that are shown are not relied upon, nor are they where
            EAS shows none.
    """
    target, other = pair.member(name), pair.other(name)
    if is_foreign(target, digest) or target is None:
        return AbortPlan(FOREIGN)
    mine = started or target.owner == owner
    if not mine and not shifted and not (other and other.share):
        return AbortPlan(UNCHANGED)
    shifted = shifted or pair.unclear is not None
    if (target.share or shifted) and not is_running(other):
        state = f"service {other.name} is {other.status}" if other else "there is no other service"
        return AbortPlan(f"Not rolled back: service {name} keeps its traffic, because {state}.")
    action = RollbackAction.STOP if mine and target.status not in _STOPPED else RollbackAction.LEAVE
    if other is None:
        if plan_rollback(target, digest, owner, started=started).action is RollbackAction.DELETE:
            return AbortPlan(DELETED, action=RollbackAction.DELETE)
        return AbortPlan(f"Rolled back: service {name} is stopped.", action=action)
    if not is_running(other):
        return AbortPlan(f"Rolled back: service {other.name} is {other.status}, as before.", action=action)
    if shifted:
        weights: tuple[WeightChange, ...] = (WeightChange(other.name, FULL), WeightChange(name, 0))
    else:
        weights = retreat(target, other)
    return AbortPlan(f"Rolled back: service {other.name} has all the traffic, as before.", weights, action)


def _changed(service: ServiceSnapshot, weight: int) -> Iterator[WeightChange]:
    if service.share != weight:
        yield WeightChange(service.name, weight)


def _is_down(member: ServiceSnapshot) -> bool:
    return member.is_settled and not is_running(member)


def _rank(member: ServiceSnapshot | None, other: ServiceSnapshot | None) -> tuple[int, int]:
    if member is None:
        return 2, 0
    if not member.share:
        return 1, int(is_running(member))
    return (0, 0) if _is_down(member) and is_running(other) else (3, member.share)
