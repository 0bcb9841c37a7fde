"""Moves a group's traffic between the two services that take turns in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_pai.model.service_status import ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.slots import Release, Slots, retreat, shift

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook


class Traffic:
    """The traffic of one group.

    Args:
        hook: does what is done to the services.
        group: the group.
    """

    def __init__(self, hook: PAIServiceHook, group: str) -> None:
        self._hook = hook
        self._group = group

    @property
    def slots(self) -> Slots:
        """The services as they are now."""
        return self._hook.slots(self._group)

    def shift(self, name: str, steps: Sequence[int]) -> bool:
        """Move traffic to a service by one step; return whether there was anything to move."""
        target, other = self._pair(name)
        return self._release(shift(target, other, steps)) if target else False

    def retreat(self, name: str) -> ServiceSnapshot | None:
        """Move all traffic away from a service; return the one that has it now, if there is one."""
        target, other = self._pair(name)
        if target:
            self._release(retreat(target, other))
        return other

    def clear(self, name: str) -> None:
        """Take the traffic from a service that is about to get another model."""
        target, other = self._pair(name)
        if target and target.share and other:
            self._release(retreat(target, other))

    def rest(self, name: str) -> None:
        """Stop the service beside the one of this name."""
        _, other = self._pair(name)
        if other and other.status not in (ServiceStatus.STOPPED, ServiceStatus.STOPPING):
            self._hook.stop(other.name)

    def _pair(self, name: str) -> tuple[ServiceSnapshot | None, ServiceSnapshot | None]:
        slots = self.slots
        return next((slot for slot in (slots.blue, slots.green) if slot and slot.name == name), None), slots.other(name)

    def _release(self, releases: Iterable[Release]) -> bool:
        done = False
        for release in releases:
            self._hook.log.info("Service %s gets weight %d of group %s", release.name, release.weight, self._group)
            self._hook.release(release.name, release.weight)
            done = True
        return done
