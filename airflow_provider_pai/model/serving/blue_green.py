"""Two services that take turns in one group: which one gets the next model, and how traffic moves to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.serving.reconcile import FOREIGN, UNCHANGED, RollbackAction, is_foreign, plan_rollback
from airflow_provider_pai.model.serving.spec import BLUE, GREEN, pair_member_name
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
        found = [slot for slot in (self.blue, self.green) if slot and slot.share]
        return max(found, key=lambda slot: slot.share, default=None)

    def target(self, digest: str) -> str:
        """Return the name of the service that is to get a configuration.

        The one that has it already: a deployment goes on where it stopped, and back to the former model is a change
        of weights only. Else one that has traffic and is down, if the other one runs; else the one with the least
        traffic; an existing one before one that is not there.
        """
        names = {pair_member_name(self.group, BLUE): self.blue, pair_member_name(self.group, GREEN): self.green}
        having = {name: slot for name, slot in names.items() if slot and slot.digest == digest}
        if having:
            return max(having, key=lambda name: having[name].share)
        return min(names, key=lambda name: _rank(names[name], self.other(name)))

    def slot(self, name: str) -> ServiceSnapshot | None:
        """Return the service of this name; None when there is none."""
        return self.blue if name == pair_member_name(self.group, BLUE) else self.green

    def in_use(self, name: str, owner: str) -> bool:
        """Whether a service has a part of the traffic because another task is giving it more, or less, step by step.

        Args:
            name: the service that is to get another model.
            owner: the task instance that wants that.
        """
        slot, other = self.slot(name), self.other(name)
        if slot is None or other is None or _is_down(slot):
            return False
        return bool(slot.share and other.share and slot.owner not in ("", owner))

    def clearing(self, name: str) -> tuple[WeightChange, ...]:
        """Return the changes that take the traffic from a service that gets another model, if the other runs."""
        slot, other = self.slot(name), self.other(name)
        return retreat(slot, other) if slot and slot.share and runs(other) else ()

    def resting(self, name: str) -> str:
        """Return the name of the service that may be stopped because this one has all the traffic; empty for none."""
        slot, other = self.slot(name), self.other(name)
        if slot is None or other is None or other.share or not slot.share or not runs(slot):
            return ""
        return "" if other.status in _STOPPED else other.name

    def other(self, name: str) -> ServiceSnapshot | None:
        """Return the service beside the one of this name; None when there is none."""
        return self.green if name == pair_member_name(self.group, BLUE) else self.blue


def shift(target: ServiceSnapshot, other: ServiceSnapshot | None, steps: Sequence[int]) -> tuple[WeightChange, ...]:
    """Return the next changes that move traffic to a service, in their order; empty when it has all of it.

    What raises a weight comes first, so that the sum is never 0.

    Args:
        target: who is to get it.
        other: who has it; None for nobody.
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


def runs(slot: ServiceSnapshot | None) -> bool:
    """Whether a service can be given traffic."""
    return slot is not None and slot.status == ServiceStatus.RUNNING


@dataclass(frozen=True)
class AbortPlan:
    """How a service's traffic, and what a task has done to it, are taken back.

    Attributes:
        said: what that leaves behind, for people.
        releases: changes of weights, in their order.
        undo: what to do to the service itself, once it has no traffic.
    """

    said: str
    releases: tuple[WeightChange, ...] = ()
    undo: RollbackAction = RollbackAction.LEAVE


def plan_abort(
    slots: BlueGreenPair, name: str, digest: str, owner: str, *, started: bool = False, shifted: bool = False
) -> AbortPlan:
    """Decide how a task takes back what it has done to one of the two services.

    The traffic goes to a service that runs, or stays: no traffic is worse than a model that is no good.

    Args:
        slots: the services as they are at this moment.
        name: the service that is given up.
        digest: tells the configuration that the task has wanted.
        owner: the task instance.
        started: whether all it has done to the service was to start it.
        shifted: whether it has changed weights; then what is shown of them isn't relied upon.
    """
    target, other = slots.slot(name), slots.other(name)
    if is_foreign(target, digest) or target is None:
        return AbortPlan(FOREIGN)
    mine = started or target.owner == owner
    if not mine and not shifted and not (other and other.share):
        return AbortPlan(UNCHANGED)
    if (target.share or shifted) and not runs(other):
        state = f"service {other.name} is {other.status}" if other else "there is no other service"
        return AbortPlan(f"it keeps its traffic, since {state}")
    undo = RollbackAction.STOP if mine and target.status not in _STOPPED else RollbackAction.LEAVE
    if other is None:
        if plan_rollback(target, digest, owner, started=started).undo is RollbackAction.DELETE:
            return AbortPlan("there was no service before it; it was deleted", undo=RollbackAction.DELETE)
        return AbortPlan("nothing; it was stopped", undo=undo)
    if not runs(other):
        return AbortPlan(f"service {other.name}, as before, which is {other.status}", undo=undo)
    if shifted:
        releases: tuple[WeightChange, ...] = (WeightChange(other.name, FULL), WeightChange(name, 0))
    else:
        releases = retreat(target, other)
    return AbortPlan(f"service {other.name} has all the traffic, as before", releases, undo)


def _changed(service: ServiceSnapshot, weight: int) -> Iterator[WeightChange]:
    if service.share != weight:
        yield WeightChange(service.name, weight)


def _is_down(slot: ServiceSnapshot) -> bool:
    return slot.is_settled and not runs(slot)


def _rank(slot: ServiceSnapshot | None, other: ServiceSnapshot | None) -> tuple[int, int]:
    if slot is None:
        return 2, 0
    if not slot.share:
        return 1, int(runs(slot))
    return (0, 0) if _is_down(slot) and runs(other) else (3, slot.share)
