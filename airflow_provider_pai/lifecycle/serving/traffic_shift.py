"""The part of a deployment that two services take turns in: which one gets the model, and the traffic's way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pai.errors import PAIError, ServiceError, shortened
from airflow_provider_pai.lifecycle.serving.traffic import TrafficRouter
from airflow_provider_pai.model.serving.blue_green import plan_abort
from airflow_provider_pai.model.serving.reconcile import FOREIGN, is_foreign
from airflow_provider_pai.model.serving.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.lifecycle.serving.evidence import ServiceFailureDetails


class TrafficShift:
    """Moves a group's traffic to one of its two services, and back when that is no good.

    Args:
        hook: does what is done to the services.
        group: the group.
        owner: the task instance.
        evidence: tells whether a service has trouble.
        tried: tries a service; returns what is wrong with its answers.
    """

    def __init__(
        self,
        hook: PAIServiceHook,
        group: str,
        owner: str,
        evidence: ServiceFailureDetails,
        tried: Callable[[str], str],
    ) -> None:
        self._hook = hook
        self._traffic = TrafficRouter(hook, group)
        self._owner = owner
        self._evidence = evidence
        self._tried = tried

    @property
    def moved(self) -> bool:
        """Whether traffic was moved to, or from, the service that has the wanted configuration."""
        return self._traffic.moved

    def target(self, digest: str) -> str:
        """Return the name of the service that gets a configuration; nobody's requests go to its old model.

        Raises:
            ServiceError: it is part of another task's deployment.
        """
        slots = self._traffic.slots
        name = slots.target(digest)
        target = slots.slot(name)
        if target is None or target.digest == digest:
            return name
        if slots.in_use(name, self._owner):
            raise ServiceError(
                f"service {name} has weight {target.share} in the traffic of group {slots.group}: another task's "
                "deployment is under way or was left half-way; try again when it has ended, or take the service's "
                "traffic away (weight 0)",
                target,
            )
        TrafficRouter(self._hook, slots.group).release(slots.clearing(name))
        return name

    def shift(self, name: str, digest: str, steps: Sequence[int], pause: float) -> str:
        """Action the traffic step by step; return what was wrong after a step.

        Args:
            name: the service.
            digest: tells the configuration that the traffic is for.
            steps: percentages to stop at.
            pause: seconds between a step and its check.

        Raises:
            ServiceError: somebody else has changed the service.
            PAIError: EAS refuses the first look or step; nothing was moved.
        """
        known = self._evidence.warnings(name)
        # From any weights that somebody has left the way to the end takes two steps more at most.
        for _ in range(len(steps) + 2):
            try:
                if not self._traffic.shift(name, digest, steps):
                    return ""
                self._hook.sleep(pause)
                known, wrong = self._checked(name, digest, known)
            except ServiceError:
                raise
            except PAIError as error:
                if not self.moved:
                    raise
                return f"the traffic could not be moved to the end: {error}"
            if wrong:
                return wrong
        return "its traffic does not come to an end: somebody else changes weights of the group, too"

    def rest(self, name: str) -> None:
        """Stop the service beside this one, if this one has all the traffic."""
        if other := self._traffic.slots.resting(name):
            self._hook.stop(other)

    def withdraw(self, name: str, digest: str, *, started: bool) -> str:
        """Take back the traffic, and what the task has done to the service; return what that leaves behind."""
        found = plan_abort(self._traffic.slots, name, digest, self._owner, started=started, shifted=self.moved)
        self._traffic.withdraw(name, found)
        return found.said

    def _checked(self, name: str, digest: str, known: list[str] | None) -> tuple[list[str] | None, str]:
        """Look at a service after a step; return the warnings known of it, and what is wrong."""
        service = self._hook.find(name)
        if is_foreign(service, digest):
            raise ServiceError(f"service {name}: {FOREIGN}", service)
        if service is None or service.status != ServiceStatus.RUNNING:
            return known, f"it is {service.status if service else 'gone'} after a part of the traffic was its own"
        warnings = self._evidence.warnings(name)
        if known is not None and (fresh := [line for line in warnings or () if line not in known]):
            return known, f"it has trouble since a part of the traffic is its own: {shortened(fresh[-1])}"
        return (warnings if known is None else known), self._tried(name)
