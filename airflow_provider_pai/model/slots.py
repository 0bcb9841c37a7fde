"""Two services that take turns in one group: which one gets the next model, and how traffic moves to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.service import BLUE, GREEN, slot_name
from airflow_provider_pai.model.service_status import ServiceSnapshot

FULL = 100


@dataclass(frozen=True)
class Release:
    """A service's new share of its group's traffic.

    Attributes:
        name: the service.
        weight: its weight among the group's services.
    """

    name: str
    weight: int


@dataclass(frozen=True)
class Slots:
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
        of weights only. Else the one with the least traffic; an existing one before one that is not there.
        """
        names = {slot_name(self.group, BLUE): self.blue, slot_name(self.group, GREEN): self.green}
        having = {name: slot for name, slot in names.items() if slot and slot.digest == digest}
        if having:
            return max(having, key=lambda name: having[name].share)
        return min(names, key=lambda name: _rank(names[name]))

    def other(self, name: str) -> ServiceSnapshot | None:
        """Return the service beside the one of this name; None when there is none."""
        return self.green if name == slot_name(self.group, BLUE) else self.blue


def shift(target: ServiceSnapshot, other: ServiceSnapshot | None, steps: Sequence[int]) -> tuple[Release, ...]:
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


def retreat(target: ServiceSnapshot, other: ServiceSnapshot | None) -> tuple[Release, ...]:
    """Return the changes that move all traffic away from a service, in their order."""
    return (*(_changed(other, FULL) if other else ()), *(_changed(target, 0)))


def _changed(service: ServiceSnapshot, weight: int) -> Iterator[Release]:
    if service.share != weight:
        yield Release(service.name, weight)


def _rank(slot: ServiceSnapshot | None) -> tuple[int, int]:
    if slot is None:
        return 1, 0
    return (2, slot.share) if slot.share else (0, 0)
