"""Moves a group's traffic between the two services that take turns in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_pai.api.services import describe_traffic_mode, update_group
from airflow_provider_pai.client.polling.service import LAG_LIMIT
from airflow_provider_pai.errors import PAIError, ServiceError
from airflow_provider_pai.model.serving.blue_green import AbortPlan, BlueGreenPair, WeightChange, shift
from airflow_provider_pai.model.serving.reconcile import FOREIGN, RollbackAction, is_foreign

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook

BY_WEIGHT = "customized"
"""The way of sharing traffic in which weights count; which one a group begins with is not documented [inferred]."""
_PAUSE = 1.0


class TrafficRouter:
    """The traffic of one group.

    Args:
        hook: does what is done to the services.
        group: the group.

    Attributes:
        moved: whether a service was given another share of it.
    """

    def __init__(self, hook: PAIServiceHook, group: str) -> None:
        self._hook = hook
        self._group = group
        self.moved = False

    @property
    def slots(self) -> BlueGreenPair:
        """The services as they are now."""
        return self._hook.slots(self._group)

    def shift(self, name: str, digest: str, steps: Sequence[int]) -> bool:
        """Action traffic to a service by one step, and wait until that is seen.

        Args:
            name: the service.
            digest: tells the configuration that the traffic is for.
            steps: percentages to stop at.

        Returns:
            Whether there was anything to move.

        Raises:
            ServiceError: the service has another configuration; nothing was moved.
            PAIError: EAS refuses, or does not show what was set.
        """
        slots = self.slots
        target = slots.slot(name)
        if target is None or is_foreign(target, digest):
            raise ServiceError(f"service {name}: {FOREIGN}", target)
        releases = shift(target, slots.other(name), steps)
        self.release(releases)
        return bool(releases)

    def release(self, releases: Iterable[WeightChange]) -> None:
        """Change shares, and wait until all of that is seen.

        Raises:
            PAIError: EAS refuses, or does not show what was set.
        """
        done = tuple(releases)
        if done:
            self._share_by_weight()
        for release in done:
            self._hook.log.info("Service %s gets weight %d of group %s", release.name, release.weight, self._group)
            self.moved = True
            self._hook.release(release.name, release.weight, release.traffic_state)
        for release in done:
            self._seen(release)

    def withdraw(self, name: str, withdrawal: AbortPlan) -> None:
        """Take a service's traffic back, and what was done to it."""
        self.release(withdrawal.releases)
        if withdrawal.undo is RollbackAction.DELETE:
            self._hook.delete(name)
        elif withdrawal.undo is RollbackAction.STOP:
            self._hook.stop(name)

    def _share_by_weight(self) -> None:
        """Let the services' weights count, where EAS shares traffic by numbers of instances."""
        hook, region_id = self._hook, self._hook.config.region_id
        if hook.client.send(describe_traffic_mode(region_id, self._group)) != BY_WEIGHT:
            hook.log.info("Group %s shares its traffic by weight from here on", self._group)
            hook.client.send(update_group(region_id, self._group, BY_WEIGHT))

    def _seen(self, release: WeightChange) -> None:
        """Wait until a weight is shown as it was set; reads may lag behind [inferred]."""
        for _ in range(round(LAG_LIMIT / _PAUSE) + 1):
            service = self._hook.find(release.name)
            if service is not None and service.share == release.weight:
                return
            self._hook.sleep(_PAUSE)
        shown = f"shows {service.share}" if service else "shows no such service"
        raise PAIError(f"EAS does not show weight {release.weight} of service {release.name} but {shown}")
