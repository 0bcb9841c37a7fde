"""Shifts a group's traffic to one of its two services, step by step, with a check after each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_provider_pai.errors import PAIError, ServiceError, shortened
from airflow_provider_pai.lifecycle.serving.failure_details import FailureDetailsReader
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.lifecycle.serving.traffic import TrafficRouter
from airflow_provider_pai.model.serving.blue_green import plan_abort
from airflow_provider_pai.model.serving.reconcile import FOREIGN, is_foreign
from airflow_provider_pai.model.serving.status import ServiceStatus


class TrafficShift:
    """Moves a group's traffic to one of its two services, and back when that fails.

    Args:
        services: the services of the region.
        group: the group.
        owner: the task instance.
        details: reads a service's warnings.
        run_smoke_test: tests a service; returns what is wrong with its answer.
    """

    def __init__(
        self,
        services: Services,
        group: str,
        owner: str,
        details: FailureDetailsReader,
        run_smoke_test: Callable[[str], str],
    ) -> None:
        self._services = services
        self._router = TrafficRouter(services, group)
        self._owner = owner
        self._details = details
        self._run_smoke_test = run_smoke_test

    @property
    def moved(self) -> bool:
        """Whether traffic was moved to, or from, the service that has the wanted configuration."""
        return self._router.moved

    def claim_target(self, digest: str) -> str:
        """Return the name of the service that gets a configuration, after taking the traffic of its old one away.

        Raises:
            ServiceError: the service is part of another task's deployment, or EAS does not tell what serves now.
        """
        pair = self._router.pair
        if member := pair.unclear:
            # The one without traffic gets the new model: which one that is must have been said.
            text = f"EAS does not tell whether service {member.name} gets traffic of group {pair.group}"
            raise ServiceError(f"{text}; nothing was changed. Try again.", member)
        name = pair.target(digest)
        target = pair.member(name)
        if target is None or target.digest == digest:
            return name
        if pair.is_in_use(name, self._owner):
            raise ServiceError(
                f"Service {name} has weight {target.share} in the traffic of group {pair.group}: another task's "
                "deployment is under way, or was left half-way. Try again when it has ended, or set the service's "
                "weight to 0.",
                target,
            )
        # A router of its own: what is taken from the old model does not count as moved for the new one.
        TrafficRouter(self._services, pair.group).set_weights(pair.weights_before_update(name))
        return name

    def run(self, name: str, digest: str, steps: Sequence[int], pause: float) -> str:
        """Move the traffic step by step; return what was wrong after a step, empty when nothing was.

        Args:
            name: the service.
            digest: identifies the configuration that the traffic is for.
            steps: percentages to stop at.
            pause: seconds between a step and its check.

        Raises:
            ServiceError: the service was modified outside this task.
            PAIError: EAS refuses the first look or step; nothing was moved.
        """
        known = self._details.warnings(name)
        # From any weights that are there to begin with, the way takes two steps more at most.
        for _ in range(len(steps) + 2):
            try:
                if not self._router.advance(name, digest, steps):
                    return ""
                self._services.sleep(pause)
                known, wrong = self._check(name, digest, known)
            except ServiceError:
                raise
            except PAIError as error:
                if not self.moved:
                    raise
                return f"its traffic could not be shifted to the end: {error}"
            if wrong:
                return wrong
        return "its traffic weights did not settle: weights of the group are changed outside this task, too"

    def stop_idle_member(self, name: str) -> None:
        """Stop the service beside this one, if this one has all the traffic."""
        if other := self._router.pair.idle_member(name):
            self._services.stop(other)

    def abort(self, name: str, digest: str, *, started: bool) -> str:
        """Take back the traffic, and what the task has done to the service; return what holds afterwards."""
        plan = plan_abort(self._router.pair, name, digest, self._owner, started=started, shifted=self.moved)
        self._router.abort(name, plan)
        return plan.outcome

    def _check(self, name: str, digest: str, known: list[str] | None) -> tuple[list[str] | None, str]:
        """Look at a service after a step; return the warnings known of it, and what is wrong."""
        service = self._services.find(name)
        if is_foreign(service, digest):
            raise ServiceError(f"Service {name}: {FOREIGN}", service)
        if service is None or service.status != ServiceStatus.RUNNING:
            return known, f"it is {service.status if service else 'gone'} after it got a part of the traffic"
        warnings = self._details.warnings(name)
        if known is not None and (fresh := [line for line in warnings or () if line not in known]):
            return known, f"it has a warning since it got a part of the traffic: {shortened(fresh[-1])}"
        return (warnings if known is None else known), self._run_smoke_test(name)
