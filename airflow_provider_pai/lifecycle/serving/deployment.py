"""The way of one deployment, from top to bottom: apply, wait, test, shift the traffic; or roll back.

A deployment is a state machine. :meth:`Deployment.begin` and :meth:`Deployment.proceed` return what to wait for, or the
result; who calls them waits, in this process or in another one. Both raise what ends a deployment that has failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.lifecycle.serving.apply import ConfigurationApplier, mark_passed
from airflow_provider_pai.lifecycle.serving.failure_details import FailureDetailsReader
from airflow_provider_pai.lifecycle.serving.preparation import ServicePreparation
from airflow_provider_pai.lifecycle.serving.rollback import Rollback
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.lifecycle.serving.smoke_test import run_smoke_test
from airflow_provider_pai.lifecycle.serving.traffic_shift import TrafficShift
from airflow_provider_pai.lifecycle.step import Done, Waiting
from airflow_provider_pai.model.serving.deployment_state import DeploymentState, Phase
from airflow_provider_pai.model.serving.failure import diagnose, readiness
from airflow_provider_pai.model.serving.reconcile import FOREIGN, Action, is_foreign
from airflow_provider_pai.model.serving.request import digest
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.serving.strategy import RolloutOptions
from airflow_provider_pai.model.serving.wait import Observation, WaitResult

_ATTEMPTS = 5
_TEST_ADVICE = "Check the model and the program; what the service was asked and what it must answer is smoke_test."


Step: TypeAlias = "Waiting[DeploymentState] | Done[dict[str, Any]]"
"""A deployment that waits for the condition in its state, or the task's result."""


class Deployment:
    """Brings a service to a configuration, and rolls back when that fails.

    Args:
        services: the services of the region.
        preparation: makes service JSONs.
        spec: the service.
        options: how it is rolled out.
        owner: the task instance.
        since: when the task began.
    """

    def __init__(
        self,
        services: Services,
        preparation: ServicePreparation,
        spec: ServiceSpec,
        options: RolloutOptions,
        owner: str,
        since: datetime | None = None,
    ) -> None:
        self._services = services
        self._preparation = preparation
        self._spec = spec
        self._options = options
        self._owner = owner
        self._details = FailureDetailsReader(services, since or datetime.now(UTC))
        self._shift = TrafficShift(services, spec.service_name, owner, self._details, self._run_smoke_test)
        self._rollback = Rollback(services, self._shift if options.paired else None, owner, leave=options.leave)
        self._state: DeploymentState | None = None
        self._applier: ConfigurationApplier | None = None

    def begin(self, previous: DeploymentState | None = None) -> Step:
        """Look at the service, and apply the configuration.

        Args:
            previous: how far the deployment was when it must begin again.

        Raises:
            ServiceError: the deployment has failed.
            PAIError: EAS refuses.
        """
        attempt = previous.beginnings + 1 if previous else 1
        if attempt > _ATTEMPTS:
            raise ServiceError(f"Service {self._spec.service_name} is modified outside this task again and again.")
        body = self._preparation.body(self._spec)
        wanted = digest(body)
        name = self._shift.claim_target(wanted) if self._options.paired else self._spec.service_name
        state = DeploymentState(
            *(name, Phase.UP, wanted),
            changed=bool(previous and previous.changed),
            started=bool(previous and previous.started),
            beginnings=attempt,
        )
        self._state = state
        self._applier = ConfigurationApplier(self._services, {**body, "name": name}, wanted, self._owner)
        applied = self._applier.apply()
        state = replace(
            self._with_what_was_done(state),
            version=applied.plan.version,
            changed=state.changed or self._applier.changed or self._applier.is_own(applied.service),
            dormant=self._applier.dormant,
        )
        if applied.plan.action is Action.SETTLE:
            return self._wait(replace(state, phase=Phase.SETTLE))
        if applied.plan.action is Action.NOTHING and applied.service is not None:
            return self._release(state, applied.service)
        return self._wait(state)

    def proceed(self, state: DeploymentState, seen: Observation) -> Step:
        """Continue after a wait.

        Args:
            state: what was waited for.
            seen: how the wait has ended.

        Raises:
            ServiceError: the deployment has failed.
            PAIError: EAS refuses.
        """
        self._state, self._applier = state, None
        service, result = seen.service, seen.result
        if state.phase == Phase.BACK:
            raise self._rollback.finish(state, seen)
        if state.phase == Phase.SETTLE:
            if result is WaitResult.PENDING:
                text = f"Service {state.name} {readiness(service)}: another change of it is under way and does not end."
                raise ServiceError(f"{text}\nWhat to do: see in PAI's console what it waits for.", service)
            return self.begin(state)
        if result is WaitResult.REACHED and service is not None:
            return self._release(state, service)
        if service is not None and service.status == ServiceStatus.STOPPED and state.dormant and not state.started:
            # An update alone does not start what was stopped [inferred].
            return self.begin(state)
        return self._give_up(state, service, is_late=result is WaitResult.PENDING)

    def _wait(self, state: DeploymentState) -> Waiting[DeploymentState]:
        self._state, self._applier = state, None
        return Waiting(state)

    def _release(self, state: DeploymentState, service: ServiceSnapshot) -> Step:
        """Test the version that runs, and give it its traffic."""
        self._require_own(state, service)
        wrong = self._run_smoke_test(state.name)
        if not wrong and self._options.paired:
            wrong = self._shift.run(state.name, state.digest, self._options.steps, self._options.step_pause)
        if wrong:
            return self._fail(state, wrong, _TEST_ADVICE)
        if self._options.paired and not self._options.keep_old:
            self._shift.stop_idle_member(state.name)
        return self._finish(state)

    def _run_smoke_test(self, name: str) -> str:
        return run_smoke_test(self._services, name, self._options.smoke_test)

    def _finish(self, state: DeploymentState) -> Done[dict[str, Any]]:
        """Return the task's result: small, documented, plain JSON."""
        service = self._require_own(state, self._services.find(state.name))
        mark_passed(self._services, service)
        endpoints = self._services.endpoints(self._spec.service_name if self._options.paired else state.name)
        result = {
            "service_name": service.name,
            "version": service.current_version,
            "endpoint": endpoints.internet,
            "intranet_endpoint": endpoints.intranet,
            "group": service.group or None,
            "model_uri": self._spec.model_uri or None,
            "console_url": self._services.console_url(service.name),
            "changed": state.changed or state.started or self._shift.moved,
        }
        self._state = None
        return Done(result)

    def _require_own(self, state: DeploymentState, service: ServiceSnapshot | None) -> ServiceSnapshot:
        """Return the service, if it has the wanted configuration.

        Raises:
            ServiceError: it was modified outside this task.
        """
        if service is None or is_foreign(service, state.digest):
            raise ServiceError(f"Service {state.name}: {FOREIGN}", service)
        return service

    def _give_up(self, state: DeploymentState, service: ServiceSnapshot | None, *, is_late: bool) -> Step:
        """Say why the wanted version does not come up, and roll back."""
        details = self._details.read(state.name)
        found = diagnose(details, 0 if self._spec.processor else self._spec.port)
        for line in details.lines():
            self._services.log.warning("%s", line)
        late = "did not come up in time; it " if is_late else ""
        # A reason of EAS may be long: the cause has a line of its own.
        cause = f"\nWhat happened: {found.cause}" if found.cause else ""
        return self._fail(state, f"it {late}{readiness(service)}{cause}", found.advice)

    def _fail(self, state: DeploymentState, why: str, advice: str) -> Waiting[DeploymentState]:
        """Roll back, and return the wait for the previous version.

        Raises:
            ServiceError: the rollback has ended already, or was not possible.
        """
        lines = [f"Version {state.version} of service {state.name} failed: {why}", f"What to do: {advice}"]
        return self._wait(self._rollback.start(replace(state, failure="\n".join(lines))))

    @property
    def rollback_arguments(self) -> dict[str, Any]:
        """What another process needs beside the state: see :func:`.rollback.abort_deployment`."""
        group = self._spec.service_name if self._options.paired else ""
        return {"owner": self._owner, "group": group, "leave": self._options.leave}

    def abort(self, why: str) -> str:
        """Begin to roll back what this task has done, without waiting for the end of that.

        Called when the task itself is ended, at any moment of :meth:`begin`, of :meth:`proceed` or of a wait.

        Args:
            why: the reason, for people.

        Returns:
            What was done about it, for people; empty when there is nothing to roll back.

        Raises:
            PAIError: the rollback is not possible.
        """
        if self._state is None:
            return ""
        state, self._state = self._with_what_was_done(self._state), None
        return self._rollback.abort(state, why)

    def _with_what_was_done(self, state: DeploymentState) -> DeploymentState:
        """Return a state that holds what was asked for since, also by a call that was interrupted."""
        applier = self._applier
        if applier is None:
            return state
        return replace(state, changed=state.changed or applier.changed, started=state.started or applier.started)
