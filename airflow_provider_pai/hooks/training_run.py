"""A training job from a plain function: submitted or adopted, waited for, and never left without an owner."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, get_current_context

from airflow_provider_pai import configuration
from airflow_provider_pai.client.logs.display import LogDisplay
from airflow_provider_pai.client.packaging.overlay import overlaid
from airflow_provider_pai.errors import AuthError, JobError, PAIError, SpecError
from airflow_provider_pai.hooks.additions import job_additions
from airflow_provider_pai.hooks.job_end import finish, report_model
from airflow_provider_pai.hooks.process_end import in_dag_test, interruptible, watch_signals
from airflow_provider_pai.hooks.task_attempt import owner_of, run_time_limit, will_be_retried
from airflow_provider_pai.lifecycle.step import Waiting
from airflow_provider_pai.model.function.package import report_files
from airflow_provider_pai.model.monitor.explanation import duration
from airflow_provider_pai.model.names import CONNECTION_KEY, LINK_KEY
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import seconds_problems
from airflow_provider_pai.model.training.additions import NOTHING_ADDED
from airflow_provider_pai.model.training.arguments import read_spec
from airflow_provider_pai.model.training.job_name import cut_name, job_name, name_problems
from airflow_provider_pai.model.training.log_level import DEBUG, LEVELS
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.spec import FILLED_IN, TrainingJobSpec
from airflow_provider_pai.model.values import shown

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.training import PAITrainingHook
    from airflow_provider_pai.model.training.status import JobSnapshot

_NAMES = {each.name for each in fields(TrainingJobSpec)} - {*FILLED_IN} | {"reports"}
_SCRIPT = "script"
"""Stands for the Airflow environment of a job that no task has submitted."""
_used: set[tuple[str, int]] = set()
"""Attempts of this process that have submitted a job: a second one could not be told from the first by a retry."""


class TrainingRun:
    """One job of a function.

    Args:
        hook: does what is done to the job.
        job: arguments of the job, as those of ``PAITrainingOperator``.
        poll_interval: the longest pause between two looks, in seconds; None for ``[pai] poll_interval``, else 10.
        outage_limit: seconds that PAI may be unreachable.
        log_level: the lowest level of the job's lines that are shown.
    """

    def __init__(
        self,
        hook: PAITrainingHook,
        job: Mapping[str, Any],
        *,
        poll_interval: float | None,
        outage_limit: float,
        log_level: str,
    ) -> None:
        self._hook = hook
        self._arguments = dict(job)
        self._interval = configuration.poll_interval(10.0) if poll_interval is None else poll_interval
        self._outage_limit = outage_limit
        self._log_level = log_level
        self._ti = _current_ti()
        self._job_id: str | None = None

    def run(self) -> dict[str, Any]:
        """Submit or adopt the job, wait for its end and return the result.

        Raises:
            SpecError: the job can't work; nothing was submitted.
            JobError: it ended badly.
        """
        with self._packaged() as arguments:
            spec = self._checked_spec(arguments)
            owner = self._owner()
            with self._guarded(owner):
                job = self._submitted(spec, owner)
                display = LogDisplay(self._hook.log, LEVELS.get(self._log_level, DEBUG))
                job = self._waited_for(owner, job, display)
        log_shown = display.has_shown and self._log_level in ("DEBUG", "INFO")
        ended, value, _ = finish(self._hook, job, log_shown=log_shown, resumable=bool(spec.checkpoints_path))
        report_model(self._hook, ended, value["model_uri"], self._hook.log)
        return value

    @contextmanager
    def _packaged(self) -> Iterator[Mapping[str, Any]]:
        """Put ``pai_report`` beside the source code when the job reports."""
        source = self._arguments.get("source_dir")
        if self._arguments.get("reports") is not True or str(source or "").startswith("oss://"):
            yield self._arguments
            return
        with overlaid(str(source) if source else None, report_files()) as folder:
            yield {**self._arguments, "source_dir": folder}

    def _checked_spec(self, arguments: Mapping[str, Any]) -> TrainingJobSpec:
        default = cut_name(self._ti.task_id) if self._ti else "train"
        spec, problems = read_spec({**arguments, "base_job_name": arguments.get("base_job_name") or default})
        problems += [Problem(name, "is no argument of a job") for name in sorted(set(arguments) - _NAMES)]
        problems += [*name_problems(spec.base_job_name), *self._waiting_problems()]
        if spec.is_local:
            text = f"{spec.instance_type!r} is for tasks of PAITrainingOperator; train() gives jobs to PAI"
            problems.append(Problem("instance_type", text))
        if problems:
            raise SpecError([*problems, *self._hook.problems(spec, problems)])
        if more := self._hook.problems(spec):
            raise SpecError(more)
        timeout = getattr(getattr(self._ti, "task", None), "execution_timeout", None)
        limit, source = run_time_limit(spec.max_run_time, timeout)
        self._hook.log.info("PAI ends the job after %s at the latest (%s)", duration(limit), source)
        return replace(spec, max_run_time=limit)

    def _waiting_problems(self) -> list[Problem]:
        found = seconds_problems("poll_interval", self._interval)
        found += seconds_problems("outage_limit", self._outage_limit, zero=True)
        if self._log_level not in LEVELS:
            found.append(Problem("log_level", f"must be one of {', '.join(LEVELS)}, not {shown(self._log_level)}"))
        return found

    def _owner(self) -> JobOwner:
        if self._ti is None:
            # A script runs once; there is no other attempt that could adopt its job.
            return JobOwner(_SCRIPT, _SCRIPT, str(uuid4()), _SCRIPT)
        owner = owner_of(self._ti, getattr(getattr(self._ti, "task", None), "retries", 0) or 0)
        if (owner.key, owner.try_number) in _used:
            text = "was called before by this attempt of the task; give each job a task of its own, or map one"
            raise SpecError([Problem("train()", text)])
        return owner

    def _submitted(self, spec: TrainingJobSpec, owner: JobOwner) -> JobSnapshot:
        name = job_name(spec.base_job_name, pendulum.now("UTC"))
        added = job_additions(self._ti) if self._ti else NOTHING_ADDED
        _used.add((owner.key, owner.try_number))
        job, existed = self._hook.submit_or_adopt(spec, owner, name, outage_limit=self._outage_limit, added=added)
        self._job_id = job.job_id
        text = "Adopted" if existed else "Submitted"
        self._hook.log.info("%s job %s (%s): %s", text, job.job_id, job.name, self._hook.console_url(job.job_id))
        if self._ti is not None:
            self._show_job(self._ti, job.job_id)
        return job

    def _show_job(self, ti: Any, job_id: str) -> None:
        """Let the task's Training tab find the job. What can't be kept costs no job."""
        config = self._hook.config
        connection = {
            "pai_conn_id": self._hook.pai_conn_id,
            "region_id": config.region_id,
            "workspace_id": config.workspace_id,
        }
        for key, value in ((LINK_KEY, self._hook.console_url(job_id)), (CONNECTION_KEY, connection)):
            try:
                ti.xcom_push(key=key, value=value)
            except Exception:
                self._hook.log.warning("XCom %r can't be pushed: the Training tab shows no job", key, exc_info=True)

    def _waited_for(self, owner: JobOwner, job: JobSnapshot, display: LogDisplay) -> JobSnapshot:
        while True:
            seen = self._hook.wait(
                job.job_id,
                interval=self._interval,
                show=display.show,
                outage_limit=self._outage_limit,
                try_number=owner.try_number,
            )
            step = self._hook.next_step(owner, seen)
            if not isinstance(step, Waiting):
                return step.result
            job = step.state

    @contextmanager
    def _guarded(self, owner: JobOwner) -> Iterator[None]:
        """Whatever goes wrong in here, the job is not forgotten: the next attempt adopts it, or it is stopped."""
        with self._stopped_by_sigterm(owner):
            try:
                yield
            except (JobError, SpecError):
                raise
            except Exception as error:
                if self._ti and will_be_retried(self._ti) and not isinstance(error, AuthError):
                    self._hook.log.warning("The next attempt adopts job %s", self._job_id or "of this one")
                elif self._job_id or self._hook.is_unsettled:
                    self._stop(owner)
                raise
            except BaseException:
                # Ctrl-C, or Airflow's own end of the task: its time is over.
                self._stop(owner)
                raise

    @contextmanager
    def _stopped_by_sigterm(self, owner: JobOwner) -> Iterator[None]:
        """Stop the job when Airflow ends the task: it tells the operator, and a function has no ``on_kill``."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if in_dag_test():
            watch_signals(partial(self._stop, owner))
            with interruptible():
                yield
            return
        before = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: Any) -> None:
            self._stop(owner)
            if callable(before):
                before(number, frame)
            elif before is not signal.SIG_IGN:
                raise SystemExit(128 + number)

        signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _stop(self, owner: JobOwner) -> None:
        self._hook.log.warning("The task is being ended; stopping its job %s", self._job_id or "")
        try:
            self._hook.stop_own(owner, self._job_id)
        except PAIError as error:
            self._hook.log.warning("Job %s could not be stopped (%s)", self._job_id or "of this task", error)


def _current_ti() -> Any:
    """Return the task instance that runs here; None outside of tasks."""
    try:
        return get_current_context()["ti"]
    except (AirflowException, RuntimeError):
        # The first is Airflow 2.11's, the second Airflow 3's.
        return None
