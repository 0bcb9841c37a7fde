"""What all sensors share: how their waiting is checked and deferred, and which errors skip their task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from airflow_provider_pai.base_operator import PAIBaseOperator
from airflow_provider_pai.operators.attempt import DEFER_PADDING

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_pai.model.problem import Problem


class PAIBaseSensor(PAIBaseOperator, BaseSensorOperator):
    """A task that waits for something at PAI: on a worker, look by look, or in the triggerer."""

    outage_limit: float

    @cached_property
    def _deadline(self) -> datetime:
        """When the sensor's time is over."""
        return datetime.now(UTC) + timedelta(seconds=self.timeout)

    def _sensor_problems(self) -> list[Problem]:
        """Return what is wrong with how the sensor waits: Airflow lets it look without a pause."""
        from airflow_provider_pai.model.reading import seconds_problems

        return [
            *seconds_problems("poke_interval", self.poke_interval),
            *seconds_problems("outage_limit", self.outage_limit, zero=True),
        ]

    def _trigger_arguments(self) -> dict[str, Any]:
        """Return the arguments that triggers of all sensors have."""
        return {
            **self.connection_arguments,
            "poll_interval": float(self.poke_interval),
            "deadline": self._deadline.isoformat(),
            "outage_limit": self.outage_limit,
        }

    def _defer_to(self, trigger: BaseTrigger, kwargs: Mapping[str, Any] | None = None) -> None:
        """Wait in the triggerer.

        Args:
            trigger: waits until the sensor's time is over.
            kwargs: what ``execute_complete`` is given beside the event.
        """
        timeout = timedelta(seconds=self.timeout) + DEFER_PADDING
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout, kwargs=dict(kwargs or {}))

    @contextmanager
    def _sensor_errors(self) -> Iterator[None]:
        """Skip where a sensor's own arguments ask for it, as Airflow does for sensors that wait on a worker."""
        try:
            yield
        except (AirflowSensorTimeout, AirflowFailException) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        except AirflowSkipException:
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
