"""Takes back what a deployment has done to a service, and says what holds afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from airflow_provider_pai.errors import PAIError, ServiceError
from airflow_provider_pai.lifecycle.serving.failure_details import FailureDetailsReader
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.lifecycle.serving.traffic_shift import TrafficShift
from airflow_provider_pai.model.serving.deployment_state import DeploymentState, Phase
from airflow_provider_pai.model.serving.failure import readiness
from airflow_provider_pai.model.serving.reconcile import FOREIGN, RollbackAction, is_foreign, plan_rollback
from airflow_provider_pai.model.serving.status import ServiceStatus
from airflow_provider_pai.model.serving.wait import Observation, WaitResult


class Rollback:
    """Rolls a service back.

    Args:
        services: the services of the region.
        shift: moves the traffic of the group; None for a service that is replaced in its place.
        owner: the task instance.
        leave: whether what has failed stays as it is.
    """

    def __init__(self, services: Services, shift: TrafficShift | None, owner: str, *, leave: bool) -> None:
        self._services = services
        self._shift = shift
        self._owner = owner
        self._leave = leave

    def start(self, state: DeploymentState) -> DeploymentState:
        """Roll back a version that has failed; return the state that waits for the previous version.

        Args:
            state: the deployment, with its failure.

        Raises:
            ServiceError: there is nothing to wait for: the rollback has ended, or was not possible.
        """
        if self._leave:
            raise self.error(state, "Not rolled back (on_failure='leave').")
        try:
            after, outcome = self._roll_back(state)
        except PAIError as error:
            raise self.error(state, f"The rollback failed: {error}. {self._describe(state.name)}") from error
        if after is None:
            raise self.error(state, outcome)
        return after

    def finish(self, state: DeploymentState, seen: Observation) -> ServiceError:
        """Return the error of a deployment that has waited for its previous version."""
        if seen.result is WaitResult.REACHED:
            return self.error(state, f"Rolled back: version {state.version} answers again.")
        outcome = f"The rollback to version {state.version} failed, too: the service {readiness(seen.service)}."
        return self.error(state, outcome)

    def abort(self, state: DeploymentState, why: str) -> str:
        """Begin to roll back, and return what that leaves behind, for people.

        Raises:
            PAIError: the rollback is not possible.
        """
        if self._leave:
            return f"{why}; service {state.name} is left as it is (on_failure='leave')."
        if state.phase == Phase.BACK:
            return f"{why}; service {state.name} is being rolled back to version {state.version}."
        after, outcome = self._roll_back(state)
        if after is not None:
            outcome = f"Rolling back to version {after.version}; this task does not wait for it."
        return f"{why}; deployment of service {state.name} aborted. {outcome}"

    def error(self, state: DeploymentState, outcome: str) -> ServiceError:
        """Return the error of a deployment that has failed."""
        return ServiceError(f"{state.failure}\n{outcome}\nConsole: {self._services.console_url(state.name)}")

    def _roll_back(self, state: DeploymentState) -> tuple[DeploymentState | None, str]:
        """Take back what can be; return what to wait for, if anything, and what holds now."""
        now = self._services.find(state.name)
        if is_foreign(now, state.digest):
            # Nothing was asked for yet, or another task has asked for something else since.
            return None, FOREIGN if state.changed or state.started or state.failure else "Nothing was changed yet."
        if self._shift is not None:
            return None, self._shift.abort(state.name, state.digest, started=state.started)
        found = plan_rollback(now, state.digest, self._owner, started=state.started)
        if found.action is RollbackAction.BACK:
            self._services.log.warning("%s\nRolling back to version %d", state.failure, found.version)
            self._update_version(state.name, found.version)
            return replace(state, phase=Phase.BACK, version=found.version), found.outcome
        if found.action is RollbackAction.DELETE:
            self._services.delete(state.name)
        elif found.action is RollbackAction.STOP:
            self._services.stop(state.name)
        return None, found.outcome

    def _update_version(self, name: str, version: int) -> None:
        try:
            self._services.update_version(name, version)
        except PAIError as error:
            self._services.log.warning("Rolling back to version %d: %s", version, error)
            # The answer was lost, and its repetition refused: the version is on its way, or answers.
            seen = self._services.find(name)
            if seen is None or (seen.is_settled and seen.status != ServiceStatus.RUNNING):
                raise

    def _describe(self, name: str) -> str:
        """Return how the service is at this moment, as a sentence."""
        try:
            now = self._services.find(name)
        except PAIError:
            return "The service can't be read."
        if now is None:
            return "There is no such service."
        answers = f"version {now.current_version} answers" if now.answers else "no version answers"
        traffic = ""
        if self._shift is not None:
            weight = f"with weight {now.share}" if now.traffic_state else "with a weight that EAS does not tell"
            traffic = f" {weight} in its group's traffic"
        return f"The service is {now.status}; {answers}{traffic}."


def abort_deployment(
    services: Services, state: DeploymentState, why: str, *, owner: str, group: str = "", leave: bool = False
) -> str:
    """Begin to roll back a deployment of which only the state is known, and return what that leaves behind.

    Args:
        services: the services of the region.
        state: how far it was.
        why: the reason, for people.
        owner: the task instance.
        group: the group through which the traffic goes; empty for a service that is replaced in its place.
        leave: whether the service stays as it is.

    Raises:
        PAIError: the rollback is not possible.
    """
    details = FailureDetailsReader(services, datetime.now(UTC))
    shift = TrafficShift(services, group, owner, details, lambda _: "") if group else None
    return Rollback(services, shift, owner, leave=leave).abort(state, why)
