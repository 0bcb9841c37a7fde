"""Waits for a version of a registered model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    PokeReturnValue,
    conf,
)

from airflow_provider_pai.base_operator import as_flag, as_seconds, templated
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown
from airflow_provider_pai.operators.outcome import airflow_errors
from airflow_provider_pai.sensors.base import PAIBaseSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
    from airflow_provider_pai.model.registry.condition import VersionCondition
    from airflow_provider_pai.model.registry.version import ModelVersion

_STATUSES = ("Pending", "Approved", "Rejected")


class PAIModelVersionSensor(PAIBaseSensor):
    """Waits until a model has a version of an approval status; a model that does not exist yet may still come.

    The task's result (XCom ``return_value``) is a dict: ``model_name``, ``version_name``, ``model_id``, ``model_uri``,
    ``approval_status`` and ``console_url``.

    Args:
        model_name: the model.
        version_name: this version. Default: the newest one that has the status.
        target_status: ``Approved`` (default), ``Rejected`` or ``Pending``.
        outage_limit: seconds that PAI may be unreachable, in the triggerer. Default 3600.
        deferrable: wait in the triggerer, with one call a second for all who wait there. Default:
            ``[operators] default_deferrable``.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every sensor,
            ``poke_interval`` (seconds between two looks) and ``timeout`` among them.

    Raises:
        AirflowFailException: wrong arguments; the version was decided on differently, which is final.
        AirflowSensorTimeout: the time is over; with ``soft_fail`` the task is skipped.
    """

    template_fields: Sequence[str] = templated(
        "model_name", "version_name", "target_status", *PAIBaseSensor.template_fields
    )
    flags: Sequence[str] = ("deferrable",)

    def __init__(
        self,
        *,
        model_name: str,
        version_name: str | None = None,
        target_status: str = "Approved",
        outage_limit: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.version_name = version_name
        self.target_status = target_status
        self.outage_limit = as_seconds(outage_limit)
        self.deferrable = as_flag(deferrable)

    def execute(self, context: Context) -> Any:
        """Wait here or in the triggerer."""
        with self._sensor_errors(), airflow_errors():
            condition = self._checked_condition()
            if self.deferrable:
                return self._watch(condition)
        return super().execute(context)

    def _watch(self, condition: VersionCondition) -> None:
        from airflow_provider_pai.triggers.registry import PAIModelVersionTrigger

        trigger = PAIModelVersionTrigger(
            model_name=self.model_name,
            version_name=self.version_name,
            statuses=list(condition.statuses),
            **self._trigger_arguments(),
        )
        self._defer_to(trigger)

    def poke(self, context: Context) -> bool | PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        from airflow_provider_pai.client.transport.http import is_passing

        with airflow_errors(), closing(self._hook()) as hook:
            try:
                found = hook.find_version(self.model_name, self._condition())
            except PAIError as error:
                if not is_passing(error):
                    raise
                self.log.warning("The model registry gives no usable answer (%s)", error)
                return False
            return PokeReturnValue(is_done=True, xcom_value=self._result(hook, found)) if found else False

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Continue after the trigger's event."""
        with self._sensor_errors(), airflow_errors():
            if event["error"]:
                raise AirflowException(f"model {self.model_name} can't be watched: {event['error']}")
            if event["timeout"]:
                late = f"model {self.model_name} has no version that is {self.target_status} in time"
                raise AirflowSensorTimeout(late)
            with closing(self._hook()) as hook:
                return self._result(hook, hook.version(self.model_name, event["version_name"]))

    def _result(self, hook: PAIModelRegistryHook, version: ModelVersion) -> dict[str, Any]:
        if version.approval_status != self.target_status:
            raise AirflowFailException(
                f"version {version.name} of model {self.model_name} is {version.approval_status}, which is final; "
                f"waited for {self.target_status}"
            )
        self.log.info("Version %s of model %s is %s", version.name, self.model_name, version.approval_status)
        return hook.version_result(hook.model(self.model_name), version)

    def _hook(self) -> PAIModelRegistryHook:
        from airflow_provider_pai.hooks.registry import PAIModelRegistryHook

        return PAIModelRegistryHook(**self.connection_arguments)

    def _checked_condition(self) -> VersionCondition:
        """Return what is waited for.

        Raises:
            SpecError: listing every problem of the arguments.
        """
        from airflow_provider_pai.model.registry.names import name_problems

        problems = [*self._flag_problems(), *self._sensor_problems(), *name_problems("model_name", self.model_name)]
        if self.version_name is not None:
            problems += name_problems("version_name", self.version_name, "a version")
        if not isinstance(self.target_status, str) or self.target_status not in _STATUSES:
            problems.append(
                Problem("target_status", f"must be one of {', '.join(_STATUSES)}, not {shown(self.target_status)}")
            )
        if problems:
            raise SpecError(problems)
        return self._condition()

    def _condition(self) -> VersionCondition:
        """Return what is waited for: of a certain version any final status, since no other follows it."""
        from airflow_provider_pai.model.registry.condition import VersionCondition
        from airflow_provider_pai.model.registry.version import FINAL_STATUSES

        statuses = (*FINAL_STATUSES, self.target_status) if self.version_name else (self.target_status,)
        return VersionCondition(self.version_name or "", tuple(dict.fromkeys(statuses)))
