"""Waits for a training job that another task, or a person, has started."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    PokeReturnValue,
)

from airflow_provider_pai.base_operator import templated
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.outcome import airflow_errors
from airflow_provider_pai.operators.watcher import PAIJobWatcher
from airflow_provider_pai.sensors.base import PAIBaseSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.training.status import JobSnapshot

_JOB_ID = re.compile(r"[\w.-]{1,128}")


class PAITrainingSensor(PAIJobWatcher, PAIBaseSensor):
    """Waits until a training job has ended; the task's result and its errors are those of ``PAITrainingOperator``.

    It is for jobs that are not the task's own: one that a task with ``wait_for_completion=False`` submitted, or one
    that was started in PAI's console or by a script. Such a job is never stopped and never changed here, however the
    task ends. Each attempt shows the job's log from its beginning; with ``mode="reschedule"`` it is shown once the
    job has ended.

    Args:
        job_id: the job, for example ``{{ ti.xcom_pull("train", key="job_id") }}``.
        kwargs: those of :class:`~airflow_provider_pai.operators.watcher.PAIJobWatcher` and of every sensor,
            ``poke_interval`` (the longest pause between two looks, in seconds), ``timeout`` (seconds, default 7 days)
            and ``soft_fail`` among them.

    Raises:
        AirflowFailException: wrong arguments or credentials, and with ``fail_fast`` more.
        AirflowSensorTimeout: the job has not ended in time, and keeps running; with ``soft_fail`` the task is skipped.
        JobError: the job failed or was stopped; its class tells why, its message what to do and the last log lines.
        NotFoundError: there is no such job.
    """

    template_fields: Sequence[str] = templated("job_id", *PAIJobWatcher.template_fields)

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def execute(self, context: Context) -> Any:
        """Wait here or in the triggerer."""
        with self._sensor_errors(), airflow_errors(fail_fast=self.fail_fast):
            self._check()
            if self.deferrable or self.mode == "poke":
                return self._watch(context)
        return super().execute(context)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once; for ``mode="reschedule"``."""
        with airflow_errors(fail_fast=self.fail_fast):
            job = self._look()
            if job is None or not job.is_terminal:
                return False
            self._announce(context, job, "Found")
            return PokeReturnValue(is_done=True, xcom_value=self._end(context))

    def execute_complete(
        self, context: Context, event: Mapping[str, Any], deadline: str | None = None
    ) -> dict[str, Any]:
        """Continue after the trigger's event.

        Args:
            context: Airflow's.
            event: what the trigger says; see :class:`~airflow_provider_pai.triggers.training.PAITrainingTrigger`.
            deadline: ISO 8601 time at which the sensor's time is over. Default: not before its ``timeout``, from now.
        """
        with self._sensor_errors(), airflow_errors(fail_fast=self.fail_fast):
            if deadline:
                self._deadline = datetime.fromisoformat(deadline)
            if event.get("error"):
                text = "The triggerer can't watch job %s (%s); watching it here"
                self.log.warning(text, self.job_id, event["error"])
            shown = event.get("shown")
            self._log_shown = self._shows_all and bool((shown or {}).get("lines"))
            return self._end(context, shown)

    @cached_property
    def hook(self) -> PAITrainingHook:
        """Looks at the job; waits no longer than the sensor may."""
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(**self.connection_arguments, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        # What is waited for after the job's end is the rest of its log.
        if (
            datetime.now(UTC) + timedelta(seconds=seconds) > self._deadline
            and not self.hook.get(self.job_id).is_terminal
        ):
            raise AirflowSensorTimeout(f"job {self.job_id} has not ended in {self.timeout:g} s; it keeps running")
        time.sleep(seconds)

    def _check(self) -> None:
        """Check the arguments.

        Raises:
            SpecError: listing every problem.
        """
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.values import shown

        problems = [*seconds_problems("poke_interval", self.poke_interval), *self._watch_problems()]
        # A template becomes the text None when its XCom is missing.
        if not isinstance(self.job_id, str) or not _JOB_ID.fullmatch(self.job_id) or self.job_id == "None":
            problems.append(Problem("job_id", f"must be the id of a training job, not {shown(self.job_id)}"))
        if problems:
            raise SpecError(problems)

    def _look(self) -> JobSnapshot | None:
        """Return the job as it is now; None when PAI gives no usable answer."""
        from airflow_provider_pai.client.transport.http import is_passing

        try:
            return self.hook.get(self.job_id)
        except PAIError as error:
            if not is_passing(error):
                raise
            self.log.warning("Job %s can't be read now (%s)", self.job_id, error)
            return None

    def _watch(self, context: Context) -> dict[str, Any]:
        job = self._look()
        if job is not None:
            self._announce(context, job, "Waiting for")
        if self.deferrable and not (job and job.is_terminal):
            self._defer()
        return self._end(context)

    def _defer(self) -> None:
        from airflow_provider_pai.triggers.training import PAITrainingSensorTrigger

        trigger = PAITrainingSensorTrigger(
            job_id=self.job_id,
            **self._trigger_arguments(),
            show_logs=self.show_logs,
            log_level=self.log_level,
            stop_on_kill=False,
        )
        self._defer_to(trigger, {"deadline": self._deadline.isoformat()})

    def _end(self, context: Context, shown: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Wait for the job's end, which may have come, and return the task's result."""
        return self._finish(context, self._wait_for_end(self.job_id, float(self.poke_interval), shown=shown))
