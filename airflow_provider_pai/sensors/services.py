"""Waits for a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    conf,
)

from airflow_provider_pai.base_operator import as_flag, as_seconds, templated
from airflow_provider_pai.errors import PAIError, ProtocolError, ServiceError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.outcome import airflow_errors
from airflow_provider_pai.sensors.base import PAIBaseSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.model.serving.status import ServiceSnapshot
    from airflow_provider_pai.model.serving.wait import WaitCondition


class PAIServiceSensor(PAIBaseSensor):
    """Waits until a service has a status.

    A service that does not exist may still come, and is waited for.

    Args:
        service_name: the service.
        target_status: EAS's word for the status, for example ``Running`` (default) or ``Stopped``; ``Deleted`` for one
            that is gone.
        outage_limit: seconds that EAS may be unreachable, in the triggerer. Default 3600.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every sensor,
            ``poke_interval`` (seconds between two looks) and ``timeout`` among them.

    Raises:
        AirflowFailException: wrong arguments.
        ServiceError: the service has failed.
        AirflowSensorTimeout: the time is over; with ``soft_fail`` the task is skipped.
    """

    template_fields: Sequence[str] = templated("service_name", "target_status", *PAIBaseSensor.template_fields)
    flags: Sequence[str] = ("deferrable",)

    def __init__(
        self,
        *,
        service_name: str,
        target_status: str = "Running",
        outage_limit: float = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service_name = service_name
        self.target_status = target_status
        self.outage_limit = as_seconds(outage_limit)
        self.deferrable = as_flag(deferrable)

    def execute(self, context: Context) -> Any:
        """Wait here or in the triggerer."""
        with self._sensor_errors(), airflow_errors():
            condition = self._checked_condition()
            if self.deferrable:
                return self._watch(context, condition)
        return super().execute(context)

    def _watch(self, context: Context, condition: WaitCondition) -> None:
        """Look once here, which may be enough, and then in the triggerer."""
        if self.poke(context):
            return
        from airflow_provider_pai.triggers.services import PAIServiceTrigger

        trigger = PAIServiceTrigger(
            service_name=self.service_name, awaited=asdict(condition), **self._trigger_arguments()
        )
        self._defer_to(trigger)

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        """Look once; True when the service has the status.

        Raises:
            ServiceError: the service has failed.
        """
        with airflow_errors():
            return self._has_status()

    def _has_status(self) -> bool:
        from airflow_provider_pai.client.transport.http import is_passing
        from airflow_provider_pai.hooks.services import PAIServiceHook
        from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus
        from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult

        hook = PAIServiceHook(**self.connection_arguments)
        with closing(hook):
            try:
                seen = hook.find(self.service_name) or ServiceSnapshot(self.service_name, ServiceStatus.DELETED)
            except PAIError as error:
                # An answer that can't be read says nothing of the service.
                if not is_passing(error) and not isinstance(error, ProtocolError):
                    raise
                self.log.warning("EAS gives no usable answer (%s)", error)
                return False
        self.log.info("Service %s is %s", seen.name, seen.status)
        result = WaitCondition(status=self.target_status).check(seen)
        if result is WaitResult.FAILED:
            raise self._failed(seen)
        return result is WaitResult.REACHED

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - Airflow's signature
        """Continue after the trigger's event."""
        from airflow_provider_pai.model.serving.status import ServiceSnapshot

        with self._sensor_errors():
            if event["error"]:
                raise ServiceError(f"Cannot watch service {self.service_name}: {event['error']}")
            seen = ServiceSnapshot.from_json(event["snapshot"]) if event["snapshot"] else None
            if event["verdict"] == "failed" and seen:
                raise self._failed(seen)
            if event["verdict"] != "reached":
                status = f"is {seen.status}" if seen else "can't be read"
                late = f"Service {self.service_name} {status}; it was not {self.target_status} in time."
                raise AirflowSensorTimeout(late)

    def _failed(self, seen: ServiceSnapshot) -> ServiceError:
        from airflow_provider_pai.model.serving.failure import readiness

        return ServiceError(f"Service {seen.name} {readiness(seen)}; waited for {self.target_status}.", seen)

    def _checked_condition(self) -> WaitCondition:
        """Return what is waited for.

        Raises:
            SpecError: listing every problem of the arguments.
        """
        from airflow_provider_pai.model.serving.status import SETTLED_STATUSES
        from airflow_provider_pai.model.serving.validation import read_service_name
        from airflow_provider_pai.model.serving.wait import WaitCondition
        from airflow_provider_pai.model.values import shown

        _, problems = read_service_name("service_name", self.service_name)
        problems += [*self._flag_problems(), *self._sensor_problems()]
        if not isinstance(self.target_status, str) or self.target_status not in SETTLED_STATUSES:
            stay = ", ".join(sorted(SETTLED_STATUSES))
            text = f"must be a status that stays ({stay}), not {shown(self.target_status)}"
            problems.append(Problem("target_status", text))
        if problems:
            raise SpecError(problems)
        return WaitCondition(status=self.target_status)
