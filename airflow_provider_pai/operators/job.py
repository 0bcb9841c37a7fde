"""What every operator that owns a training job does with it, whatever the job is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_provider_pai.base_operator import PAIBaseOperator, as_flag, as_number
from airflow_provider_pai.errors import JobError, PAIError
from airflow_provider_pai.links import CONSOLE_URL_KEY, PAITrainingJobLink
from airflow_provider_pai.model.names import MODEL_CHANNEL
from airflow_provider_pai.operators.attempt import deadline_of, owner_of, will_be_retried
from airflow_provider_pai.operators.outcome import NO_RETRY, airflow_errors, job_error, result

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.training.ownership import JobOwner
    from airflow_provider_pai.model.training.status import JobSnapshot

_DEFER_PADDING = timedelta(minutes=5)


class PAIJobOperator(PAIBaseOperator):
    """Sees one job of its task attempt to its end: waits here or in the triggerer, and never leaves it orphaned.

    Args:
        wait_for_completion: False returns as soon as the job is submitted, with ``status`` of that moment.
        poll_interval: the longest pause between two looks at the job while PAI answers, in seconds; a job that has
            just begun or changed is looked at sooner. Default 10.
        outage_limit: seconds that PAI may be unreachable before waiting is given up. Default 3600.
        on_kill: ``stop`` (default) stops the job when the task is killed, marked or cleared; ``leave`` lets it go on.
            A later attempt of the task stops or adopts it all the same.
        deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
        fail_fast: fail without the retries that are left when the service's own words say that another attempt would
            end the same way: the command failed, there is no such image, a permission is missing. Default: only
            wrong arguments and refused credentials do so. From Airflow 3.3 on, ``retry_policy=PAIRetryPolicy()``
            does the same and lets a job that found no capacity wait longer.
        kwargs: those of :class:`~airflow_provider_pai.base_operator.PAIBaseOperator` and of every operator.
    """

    operator_extra_links = (PAITrainingJobLink(),)
    flags: Sequence[str] = ("wait_for_completion", "deferrable", "fail_fast")

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        poll_interval: float = 10.0,
        outage_limit: float = 3600.0,
        on_kill: Literal["stop", "leave"] = "stop",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        fail_fast: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = as_flag(wait_for_completion)
        self.poll_interval = as_number(poll_interval)
        self.outage_limit = as_number(outage_limit)
        # The name without an underscore is a method of Airflow's.
        self._on_kill = on_kill
        self.deferrable = as_flag(deferrable)
        self.fail_fast = as_flag(fail_fast)
        self._job_id: str | None = None
        self._owner: JobOwner | None = None
        self._log_shown = False

    @cached_property
    def hook(self) -> PAITrainingHook:
        """Does what is done to the job."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(**self.connection_arguments)

    def _owner_in(self, context: Context) -> JobOwner:
        return owner_of(context["ti"], self.retries or 0)

    @contextmanager
    def _submitting(self, context: Context) -> Iterator[None]:
        """When a submission fails and nobody can tell whether there is a job, look after it all the same."""
        try:
            yield
        except PAIError as error:
            if self.hook.is_unsettled:
                self._abandon(context, None, error)
            raise

    def _take_on(self, context: Context, job: JobSnapshot, *, existed: bool) -> dict[str, Any]:
        """From here on this task is responsible for the job."""
        with self._responsible(context, job.job_id):
            self._announce(context, job, existed=existed)
            return self._see_through(context, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after the trigger's event."""
        from airflow_provider_pai.model.training.status import JobSnapshot

        job_id = event["job_id"]
        self._owner = self._owner_in(context)
        self._log_shown = bool((event.get("shown") or {}).get("lines"))
        with airflow_errors(fail_fast=self.fail_fast), self._responsible(context, job_id):
            if event["timeout"]:
                return self._finish(context, self._ended_in_time(job_id))
            if event["error"]:
                self.log.warning("The triggerer can't watch job %s (%s); watching it here", job_id, event["error"])
                return self._wait(context, job_id, event.get("shown"))
            return self._finish(context, JobSnapshot.from_json(event["snapshot"]))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; when the deferral itself has failed, nobody else looks after the job."""
        self._owner = self._owner_in(context)
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            if next_method != self.execute_complete.__name__:
                self._abandon(context, None, error)
            raise

    def on_kill(self) -> None:
        """Stop the job: Airflow ends this task. A job that a later try has taken is left alone."""
        if self._on_kill == "leave":
            self.log.warning("The task is being ended; its job %s keeps running", self._job_id or "")
        elif self._owner is not None:
            self.log.warning("The task is being ended; stopping its job %s", self._job_id or "")
            self.hook.stop_own(self._owner, self._job_id)

    @contextmanager
    def _responsible(self, context: Context, job_id: str) -> Iterator[None]:
        """Whatever goes wrong in here, the job is not forgotten. A deferral is no error and passes."""
        self._job_id = job_id
        try:
            yield
        except JobError:
            raise
        except Exception as error:
            self._abandon(context, job_id, error)
            raise

    def _announce(self, context: Context, job: JobSnapshot, *, existed: bool) -> None:
        """Let a person see the job while it runs."""
        url = self.hook.console_url(job.job_id)
        self.log.info("%s job %s (%s): %s", "Going on with" if existed else "Submitted", job.job_id, job.name, url)
        context["ti"].xcom_push(key=CONSOLE_URL_KEY, value=url)
        context["ti"].xcom_push(key="job_id", value=job.job_id)

    def _defer(self, context: Context, job: JobSnapshot) -> None:
        from airflow_provider_pai.triggers.training import PAITrainingTrigger

        deadline = deadline_of(context["ti"], self.execution_timeout)
        trigger = PAITrainingTrigger(
            job_id=job.job_id,
            **self.connection_arguments,
            poll_interval=self.poll_interval,
            outage_limit=self.outage_limit,
            stop_on_kill=self._on_kill == "stop",
            deadline=deadline.isoformat() if deadline else None,
            try_number=context["ti"].try_number,
        )
        # The trigger's own deadline comes first, since it stops the job; this one is for a triggerer that is gone.
        timeout = deadline - datetime.now(UTC) + _DEFER_PADDING if deadline else None
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _see_through(self, context: Context, job: JobSnapshot) -> dict[str, Any]:
        if not self.wait_for_completion:
            context["ti"].xcom_push(key="model_uri", value=job.outputs.get(MODEL_CHANNEL))
            return result(job, self.hook.console_url(job.job_id))
        if self.deferrable and not job.is_terminal:
            self._defer(context, job)
        return self._wait(context, job.job_id)

    def _wait(self, context: Context, job_id: str, shown: Mapping[str, Any] | None = None) -> dict[str, Any]:
        job = self.hook.wait(
            job_id,
            interval=self.poll_interval,
            show=self._show,
            outage_limit=self.outage_limit,
            try_number=context["ti"].try_number,
            shown=shown,
        )
        return self._finish(context, job)

    def _show(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._log_shown = True
            self.log.info("%s", line)

    def _finish(self, context: Context, seen: JobSnapshot) -> dict[str, Any]:
        """The one end of a task whose job has ended: waited for, deferred or adopted."""
        job = self._complete(seen)
        url = self.hook.console_url(job.job_id)
        if not job.is_success:
            if duplicate := self._duplicate(context, job):
                return self._take_on(context, duplicate, existed=True)
            raise job_error(self.hook.diagnose(job, resumable=self._resumable), url, log_shown=self._log_shown)
        value = result(job, url)
        self.log.info("Job %s has succeeded; its model is at %s", job.job_id, value["model_uri"])
        for key in ("model_uri", "metrics"):
            context["ti"].xcom_push(key=key, value=value[key])
        return value

    def _duplicate(self, context: Context, job: JobSnapshot) -> JobSnapshot | None:
        """Return the job to go on with when a live copy of this attempt has kept its own and stopped this one's."""
        from airflow_provider_pai.model.training.ownership import STOPPING_LABEL
        from airflow_provider_pai.model.training.status import JobStatus

        if job.status != JobStatus.TERMINATED or STOPPING_LABEL not in job.labels:
            return None
        return self.hook.adopt_duplicate(self._owner_in(context), job.job_id)

    def _complete(self, seen: JobSnapshot) -> JobSnapshot:
        """Return the whole job: what a list told lacks image, metrics and duration."""
        try:
            job = self.hook.get(seen.job_id)
        except PAIError as error:
            self.log.warning("Details of job %s can't be read (%s)", seen.job_id, error)
            return seen
        return self.hook.with_metrics(job) if job.is_terminal else seen

    def _ended_in_time(self, job_id: str) -> JobSnapshot:
        """Return a job that has just ended by itself; stop any other."""
        from airflow_provider_pai.model.training.ownership import STOPPING_LABEL
        from airflow_provider_pai.model.training.status import JobStatus

        job = self.hook.get(job_id)
        # The trigger may have stopped it already, and then says so by the label.
        if job.is_terminal and not (job.status == JobStatus.TERMINATED and STOPPING_LABEL in job.labels):
            return job
        if not job.is_terminal:
            self.hook.stop(job_id)
        diagnosis = self.hook.diagnose(job, overdue=True, resumable=self._resumable)
        raise job_error(diagnosis, self.hook.console_url(job_id), log_shown=self._log_shown)

    @property
    def _resumable(self) -> bool:
        """Whether the next job of this task goes on where this one stopped."""
        return False

    def _abandon(self, context: Context, job_id: str | None, error: Exception) -> None:
        """Leave the job to the next attempt, or stop it when none comes or its time is over."""
        deadline = deadline_of(context["ti"], self.execution_timeout)
        in_time = deadline is None or datetime.now(UTC) < deadline
        if in_time and will_be_retried(context["ti"]) and not isinstance(error, NO_RETRY):
            self.log.warning("The next attempt adopts job %s", job_id or "of this one")
            return
        try:
            self.hook.stop_own(self._owner_in(context), job_id)
        except PAIError as failure:
            self.log.warning("Job %s could not be stopped (%s)", job_id or "of this task", failure)
