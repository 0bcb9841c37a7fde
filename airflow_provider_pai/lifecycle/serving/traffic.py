"""Sets the traffic weights of a group's two services, and waits until EAS shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_pai.client.polling.service import LAG_LIMIT
from airflow_provider_pai.errors import PAIError, ServiceError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.serving.blue_green import AbortPlan, BlueGreenPair, WeightChange, next_weights
from airflow_provider_pai.model.serving.reconcile import FOREIGN, RollbackAction, is_foreign

BY_WEIGHT = "customized"
"""The mode in which weights count; which one a group begins with is not documented [inferred]."""
_PAUSE = 1.0


class TrafficRouter:
    """The traffic of one group.

    Args:
        services: the services of the region.
        group: the group.

    Attributes:
        moved: whether a weight was changed.
    """

    def __init__(self, services: Services, group: str) -> None:
        self._services = services
        self._group = group
        self.moved = False

    @property
    def pair(self) -> BlueGreenPair:
        """The services as they are now."""
        return self._services.pair(self._group)

    def advance(self, name: str, digest: str, steps: Sequence[int]) -> bool:
        """Move traffic to a service by one step, and wait until EAS shows it.

        Args:
            name: the service.
            digest: identifies the configuration that the traffic is for.
            steps: percentages to stop at.

        Returns:
            Whether there was anything to move.

        Raises:
            ServiceError: the service has another configuration; nothing was moved.
            PAIError: EAS refuses, or does not show what was set.
        """
        pair = self.pair
        target = pair.member(name)
        if target is None or is_foreign(target, digest):
            raise ServiceError(f"Service {name}: {FOREIGN}", target)
        if pair.unclear:
            raise PAIError(f"EAS does not tell whether service {pair.unclear.name} gets traffic of group {self._group}")
        changes = next_weights(target, pair.other(name), steps)
        self.set_weights(changes)
        return bool(changes)

    def set_weights(self, changes: Iterable[WeightChange]) -> None:
        """Change weights, and wait until EAS shows all of them.

        Raises:
            PAIError: EAS refuses, or does not show what was set.
        """
        done = tuple(changes)
        if done:
            self._share_by_weight()
        for change in done:
            self._services.log.info("Service %s gets weight %d in group %s", change.name, change.weight, self._group)
            self.moved = True
            self._services.set_weight(change.name, change.weight, change.traffic_state)
        for change in done:
            self._wait_until_shown(change)

    def abort(self, name: str, plan: AbortPlan) -> None:
        """Take a service's traffic back, and what was done to the service."""
        self.set_weights(plan.weights)
        if plan.action is RollbackAction.DELETE:
            self._services.delete(name)
        elif plan.action is RollbackAction.STOP:
            self._services.stop(name)

    def _share_by_weight(self) -> None:
        """Let the services' weights count, where EAS shares traffic by numbers of instances."""
        if self._services.traffic_mode(self._group) != BY_WEIGHT:
            self._services.log.info("Group %s shares its traffic by weight from now on", self._group)
            self._services.set_traffic_mode(self._group, BY_WEIGHT)

    def _wait_until_shown(self, change: WeightChange) -> None:
        """Wait until a weight is shown as it was set; reads may lag behind [inferred]."""
        for _ in range(round(LAG_LIMIT / _PAUSE) + 1):
            service = self._services.find(change.name)
            if service is not None and service.traffic_state and service.share == change.weight:
                return
            self._services.sleep(_PAUSE)
        shown = "shows no such service"
        if service is not None:
            shown = f"shows {service.share}" if service.traffic_state else "does not tell its weight"
        raise PAIError(f"EAS does not show weight {change.weight} of service {change.name} but {shown}")
