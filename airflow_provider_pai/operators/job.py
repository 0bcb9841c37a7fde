"""What every operator that owns a training job does with it, whatever the job is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_pai.base_operator import PollInterval, as_flag
from airflow_provider_pai.errors import JobError, PAIError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.operators.attempt import DEFER_PADDING, deadline_of
from airflow_provider_pai.operators.outcome import NO_RETRY, airflow_errors
from airflow_provider_pai.operators.watcher import PAIJobWatcher

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.lifecycle.step import Done, Waiting
    from airflow_provider_pai.model.training.ownership import JobOwner
    from airflow_provider_pai.model.training.status import JobSnapshot


class PAIJobOperator(PAIJobWatcher):
    """Sees one job of its task attempt to its end: waits here or in the triggerer, and never leaves it orphaned.

    Args:
        wait_for_completion: False returns as soon as the job is submitted, with ``status`` of that moment.
        poll_interval: the longest pause between two looks at the job while PAI answers, in seconds; there are more
            looks where they cost few calls. Default: ``[pai] poll_interval``, else 10.
        on_kill: ``stop`` (default) stops the job when the task is killed, marked or cleared; ``leave`` lets it run.
            A later attempt of the task stops or adopts it nevertheless.
        kwargs: those of :class:`~airflow_provider_pai.operators.watcher.PAIJobWatcher` and of every operator.
    """

    flags: Sequence[str] = ("wait_for_completion", *PAIJobWatcher.flags)
    poll_interval = PollInterval(10.0)

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        poll_interval: float | None = None,
        on_kill: Literal["stop", "leave"] = "stop",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = as_flag(wait_for_completion)
        self.poll_interval = poll_interval
        # The name without an underscore is a method of Airflow's.
        self._on_kill = on_kill
        self._job_id: str | None = None
        self._owner: JobOwner | None = None
        self._begun: Mapping[str, Any] = {}

    @cached_property
    def hook(self) -> PAITrainingHook:
        """Does what is done to the job; where the job was submitted, once it was."""
        # Loaded where it is first used: parsing a DAG file must not load HTTP and OSS libraries.
        from airflow_provider_pai.hooks.training import PAITrainingHook

        return PAITrainingHook(**(self._begun.get("connection") or self.connection_arguments))

    def _watch_problems(self) -> list[Problem]:
        """Return what is wrong with the arguments of this class, and of those above it."""
        from airflow_provider_pai.model.reading import seconds_problems
        from airflow_provider_pai.model.values import shown

        problems = [*super()._watch_problems(), *seconds_problems("poll_interval", self.poll_interval)]
        if not isinstance(self._on_kill, str) or self._on_kill not in ("stop", "leave"):
            problems.append(Problem("on_kill", f"must be 'stop' or 'leave', not {shown(self._on_kill)}"))
        return problems

    def _owner_in(self, context: Context) -> JobOwner:
        from airflow_provider_pai.hooks.task_attempt import owner_of

        return owner_of(context["ti"], self.retries or 0)

    def _submit(self, context: Context, submit: Callable[[JobOwner], tuple[JobSnapshot, bool]]) -> dict[str, Any]:
        """Submit a job, or adopt the one of an earlier try, and see it to its end.

        Args:
            context: Airflow's.
            submit: makes sure that there is one job of an attempt; tells whether it existed already.
        """
        owner = self._owner = self._owner_in(context)
        with self._guard_job(context, None):
            job, existed = submit(owner)
        return self._follow(context, job, existed=existed)

    def _follow(self, context: Context, job: JobSnapshot, *, existed: bool) -> dict[str, Any]:
        """See a job of this task to its end; only Airflow's deferral leaves this by an exception of its own."""
        from airflow_provider_pai.lifecycle.step import Waiting
        from airflow_provider_pai.model.training.outcome import result

        step: Waiting[JobSnapshot] | Done[JobSnapshot] = Waiting(job)
        while isinstance(step, Waiting):
            with self._guard_job(context, step.state.job_id):
                self._announce(context, step.state, "Adopted" if existed else "Submitted")
                if not self.wait_for_completion:
                    return self._push_result(context, result(step.state, self.hook.console_url(step.state.job_id)))
                if self.deferrable and not step.state.is_terminal:
                    self._defer(context, step.state)
                step = self._next_step(context, self._wait(context, step.state.job_id))
            existed = True
        return self._finish(context, step.result)

    def execute_complete(
        self, context: Context, event: Mapping[str, Any], begun: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Continue after the trigger's event.

        Args:
            context: Airflow's.
            event: what the trigger says; see :class:`~airflow_provider_pai.triggers.training.PAITrainingTrigger`.
            begun: what held when the job was submitted: no later edit of the DAG file changes it. None from an
                earlier version, and in ``dag.test()``.
        """
        from airflow_provider_pai.lifecycle.step import Waiting

        self._begun = begun or {}
        self._owner = self._owner_in(context)
        self._log_shown = self._shows_all and bool((event.get("shown") or {}).get("lines"))
        with airflow_errors(fail_fast=self.fail_fast):
            with self._guard_job(context, event["job_id"]):
                step = self._next_step(context, self._see(context, event))
            if isinstance(step, Waiting):
                return self._follow(context, step.state, existed=True)
            return self._finish(context, step.result)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; when the deferral itself has failed, this is the one to look after the job."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            if next_method != self.execute_complete.__name__:
                self._owner = self._owner_in(context)
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
    def _guard_job(self, context: Context, job_id: str | None) -> Iterator[None]:
        """Whatever goes wrong in here, the job is not forgotten. A deferral is no error and passes.

        Args:
            context: Airflow's.
            job_id: the job; None while it is submitted.
        """
        self._job_id = job_id or self._job_id
        try:
            yield
        except JobError:
            raise
        except Exception as error:
            # While nothing was sent there is nothing to look after.
            if job_id or self.hook.is_unsettled:
                self._abandon(context, job_id, error)
            raise
        except (KeyboardInterrupt, SystemExit):
            # Ctrl-C, SIGTERM or SIGHUP in dag.test() and airflow tasks test; there nothing else looks after the job.
            self._end_interrupted()
            raise

    def _end_interrupted(self) -> None:
        try:
            self.on_kill()
        except PAIError:
            self.log.exception("Job %s could not be stopped and keeps running", self._job_id or "of this task")

    def _defer(self, context: Context, job: JobSnapshot) -> None:
        from airflow_provider_pai.triggers.training import PAITrainingTrigger

        deadline = self._deadline(context)
        # Resolved: an edit of the task or its connection must not send the trigger, or the worker, elsewhere.
        config = self.hook.config
        connection: dict[str, Any] = {
            "pai_conn_id": self.hook.pai_conn_id,
            "region_id": config.region_id,
            "workspace_id": config.workspace_id,
        }
        until = deadline.isoformat() if deadline else None
        trigger = PAITrainingTrigger(
            job_id=job.job_id,
            **connection,
            poll_interval=self.poll_interval,
            outage_limit=self.outage_limit,
            show_logs=self.show_logs,
            log_level=self.log_level,
            stop_on_kill=self._on_kill == "stop",
            deadline=until,
            try_number=context["ti"].try_number,
        )
        timeout = deadline - datetime.now(UTC) + DEFER_PADDING if deadline else None
        begun = {"connection": connection, "deadline": until, "unstopped": list(self.hook.stop_remaining())}
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout, kwargs={"begun": begun})

    def _deadline(self, context: Context) -> datetime | None:
        """Return when the attempt must have ended, as it was when the job was submitted."""
        if begun := self._begun.get("deadline"):
            return datetime.fromisoformat(begun)
        return None if self._begun else deadline_of(context["ti"], self.execution_timeout)

    def _see(self, context: Context, event: Mapping[str, Any]) -> JobSnapshot:
        """Return the job that a trigger has seen to its end; show what is left of its log."""
        if event.get("timeout"):
            return self._end_in_time(event["job_id"])
        if event.get("error"):
            text = "The triggerer can't watch job %s (%s); watching it here"
            self.log.warning(text, event["job_id"], event["error"])
        return self._wait(context, event["job_id"], event.get("shown"))

    def _wait(self, context: Context, job_id: str, shown: Mapping[str, Any] | None = None) -> JobSnapshot:
        return self._wait_for_end(job_id, self.poll_interval, try_number=context["ti"].try_number, shown=shown)

    def _next_step(self, context: Context, job: JobSnapshot) -> Waiting[JobSnapshot] | Done[JobSnapshot]:
        owner = self._owner = self._owner or self._owner_in(context)
        step = self.hook.next_step(owner, job)
        for job_id in self.hook.stop_remaining(self._begun.get("unstopped") or ()):
            self.log.warning("Job %s, which another attempt left, can't be stopped: stop it in PAI's console", job_id)
        return step

    def _end_in_time(self, job_id: str) -> JobSnapshot:
        """Return a job that has just ended by itself; stop any other."""
        from airflow_provider_pai.model.training.outcome import job_error
        from airflow_provider_pai.model.training.ownership import is_being_stopped
        from airflow_provider_pai.model.training.status import JobStatus

        job = self.hook.get(job_id)
        # The trigger may have stopped it already, and then says so by the label.
        if job.is_terminal and not (job.status == JobStatus.TERMINATED and is_being_stopped(job)):
            return job
        if not job.is_terminal:
            self.hook.stop(job_id)
        diagnosis = self._diagnosis = self.hook.diagnose(job, overdue=True, resumable=self._resumable)
        raise job_error(diagnosis, self.hook.console_url(job_id), log_shown=self._log_shown)

    def _abandon(self, context: Context, job_id: str | None, error: Exception) -> None:
        """Leave the job to the next attempt, or stop it when none comes or its time is over."""
        from airflow_provider_pai.hooks.task_attempt import will_be_retried

        deadline = self._deadline(context)
        in_time = deadline is None or datetime.now(UTC) < deadline
        is_left = in_time and not self._is_over and will_be_retried(context["ti"]) and not isinstance(error, NO_RETRY)
        if is_left:
            self.log.warning("The next attempt adopts job %s", job_id or "of this one")
            return
        try:
            self.hook.stop_own(self._owner or self._owner_in(context), job_id)
        except PAIError as failure:
            self.log.warning("Job %s could not be stopped (%s)", job_id or "of this task", failure)
