"""Training jobs: everything a task does to its job, each one method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow_provider_pai.api import training as calls
from airflow_provider_pai.api.call import text_of
from airflow_provider_pai.api.endpoints import console_url, oss_page
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.tail import log_tail
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.metrics.final import whole_metrics
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT, OutagePolicy
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.airflow_state import task_state
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.hooks.environment import Environment, environment
from airflow_provider_pai.lifecycle.step import Done, Waiting
from airflow_provider_pai.lifecycle.training.completion import is_empty, next_step
from airflow_provider_pai.lifecycle.training.failure_details import read_failure_details
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.lifecycle.training.observer import JobObserver
from airflow_provider_pai.lifecycle.training.preparation import JobPreparation, file_problems
from airflow_provider_pai.lifecycle.training.report import reported
from airflow_provider_pai.lifecycle.training.submission import Submission
from airflow_provider_pai.model.function.report import Report
from airflow_provider_pai.model.masking import masked
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.additions import NOTHING_ADDED, JobAdditions
from airflow_provider_pai.model.training.diagnosis import Diagnosis, diagnose
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.orphans import MIN_AGE, Orphan, StateOf, find_orphans
from airflow_provider_pai.model.training.owner_labels import readable
from airflow_provider_pai.model.training.ownership import (
    DEPLOYMENT_LABEL,
    JobOwner,
)
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot

PREVIEW_KEY = "preview"
"""Stands in the outputs of a preview for what tells a task's jobs from those of others."""
_TAIL_LINES = 50


class PAITrainingHook(PAIBaseHook):
    """Submits, adopts, watches and stops training jobs.

    Args:
        pai_conn_id: id of the Airflow connection. Default: ``[pai] default_conn_id``, else
            ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
    """

    # Airflow before 3.2 looks for these in the very class that provider_info names, not in its bases.
    get_connection_form_widgets = PAIBaseHook.get_connection_form_widgets
    get_ui_field_behaviour = PAIBaseHook.get_ui_field_behaviour

    def __init__(
        self,
        pai_conn_id: str | None = None,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(pai_conn_id, region_id=region_id, workspace_id=workspace_id)
        self._sleep = sleep

    def problems(self, spec: TrainingJobSpec, known: Sequence[Problem] = ()) -> list[Problem]:
        """Return what is wrong with a job beyond its spec, see :meth:`JobPreparation.problems`."""
        if spec.is_local:
            return file_problems(spec)
        try:
            preparation = self._preparation
        except SpecError as error:
            return [*file_problems(spec), *error.problems]
        return preparation.problems(spec, known)

    def preview(
        self,
        spec: TrainingJobSpec,
        job_name: str | None = None,
        owner: JobOwner | None = None,
        *,
        added: JobAdditions = NOTHING_ADDED,
    ) -> dict[str, Any]:
        """Return the request that would create a job; values with names that look secret are masked.

        Nothing is uploaded and nothing submitted; look-ups are made as for a submission.

        Args:
            spec: the job.
            job_name: its name. Default: the spec's ``base_job_name``.
            owner: the attempt that would submit it; adds its labels.
            added: what the job would get beside that.

        Returns:
            ``action``, ``method``, ``url`` and ``body``.

        Raises:
            SpecError: the job can't work.
        """
        key = owner.key if owner else PREVIEW_KEY
        prepared = self._preparation.prepare(spec, job_name or spec.base_job_name, key, upload=False)
        prepared = added.applied(prepared)
        labels = {**prepared.labels, **(owner.labels() if owner else {})}
        call = calls.create_training_job(create_body(replace(prepared, labels=labels), self.config.workspace_id))
        url = self.config.url(call.service) + call.path
        return {"action": call.action, "method": call.method, "url": url, "body": masked(call.body)}

    def train(
        self,
        *,
        poll_interval: float | None = None,
        outage_limit: float = OUTAGE_LIMIT,
        log_level: str = "DEBUG",
        **job: Any,
    ) -> dict[str, Any]:
        """Submit a job, wait for its end in this process, and return its result.

        In a task there is one job per attempt: a retry adopts the job of the attempt before when that still runs or
        has succeeded, and a task that is killed stops it. So a task may call this once. Outside of tasks, as in a
        notebook, each call is a job of its own, which is stopped when the process is interrupted.

        Args:
            poll_interval: the longest pause between two looks at the job, in seconds. Default:
                ``[pai] poll_interval``, else 10.
            outage_limit: seconds that PAI may be unreachable. Default 3600.
            log_level: the lowest level of the job's lines that are shown: ``DEBUG`` (default), ``INFO``, ``WARNING``
                or ``ERROR``.
            job: the job, as arguments of ``PAITrainingOperator``: ``command``, ``image_uri`` and so on.

        Returns:
            The operator's result: ``model_uri``, ``job_id``, ``metrics`` and so on.

        Raises:
            SpecError: listing every problem of the arguments; nothing was submitted.
            JobError: the job failed or was stopped; its class tells why, its message what to do.
        """
        from airflow_provider_pai.hooks.training_run import TrainingRun

        options: dict[str, Any] = {"poll_interval": poll_interval, "outage_limit": outage_limit}
        return TrainingRun(self, job, **options, log_level=log_level).run()

    def submit_or_adopt(
        self,
        spec: TrainingJobSpec,
        owner: JobOwner,
        job_name: str,
        *,
        outage_limit: float = OUTAGE_LIMIT,
        added: JobAdditions = NOTHING_ADDED,
    ) -> tuple[JobSnapshot, bool]:
        """Make sure that exactly one job of this task attempt exists.

        Args:
            spec: the job.
            owner: the attempt; its labels are put on the job.
            job_name: name of the job, if one must be submitted.
            outage_limit: seconds that PAI may be unreachable.
            added: what a new job gets beside what its spec says.

        Returns:
            The job, and whether it existed already.

        Raises:
            SpecError: the job can't work; nothing was submitted.
        """
        return self._submission.submit_or_adopt(spec, owner, job_name, outage_limit, added)

    @property
    def is_unsettled(self) -> bool:
        """Whether a create was sent and its job not returned yet: there may be one without an owner."""
        return self._submission.unsettled

    def adopt(self, owner: JobOwner) -> JobSnapshot | None:
        """Return the job of this attempt when there is one, and stop jobs that older generations left behind."""
        return self._submission.adopt(owner)

    def adopt_duplicate(self, owner: JobOwner, job_id: str) -> JobSnapshot | None:
        """Return the job that a live copy of this attempt has kept, after it has stopped this one's.

        Args:
            owner: the attempt.
            job_id: the job that was stopped.
        """
        return self._submission.adopt_duplicate(owner, job_id)

    def stop_own(self, owner: JobOwner, job_id: str | None = None) -> None:
        """Stop what an attempt has running, but for a job that a later try has taken.

        Args:
            owner: the attempt.
            job_id: its job, when it is known; a list may lag behind its creation.
        """
        self._submission.stop_own(owner, job_id)

    def stop_remaining(self, more: Iterable[str] = ()) -> tuple[str, ...]:
        """Stop the jobs that could not be stopped before; return the ids of those that still can't.

        Args:
            more: ids of further ones, as another process knows them.
        """
        self._submission.unstopped.update(more)
        return self._submission.stop_remaining()

    def next_step(self, owner: JobOwner, job: JobSnapshot) -> Waiting[JobSnapshot] | Done[JobSnapshot]:
        """Return what an attempt does when its job has ended; see :mod:`.lifecycle.training.completion`."""
        return next_step(self._submission, owner, job)

    def is_empty(self, job: JobSnapshot, folder: str) -> bool:
        """Whether a job has certainly left nothing in the folder of an output channel; empty and hidden files are none.

        Args:
            job: the job; what is older is not its own.
            folder: the folder.
        """
        return is_empty(job, folder, self.oss, self.log)

    def jobs(self, labels: Mapping[str, str] | None = None, *, status: str | None = None) -> list[JobSnapshot]:
        """Return the workspace's jobs of the last 30 days, newest first.

        Args:
            labels: names and values that a job carries, all of them. Default: any job.
            status: only jobs in this status, such as ``Running``. Default: any.

        Raises:
            ProtocolError: the list is incomplete.
        """
        return self._jobs.list({} if labels is None else labels, status=status)

    def orphans(
        self, *, min_age: timedelta = MIN_AGE, state_of: StateOf = task_state, named: Environment | None = None
    ) -> list[Orphan]:
        """Return this environment's active jobs that have outlived their task instances.

        Jobs that their task doesn't wait for, or leaves when it is killed, are none. Those under the id that the
        environment had before it was given a name are among them. Runs inside a task: it asks Airflow for the states of
        task instances.

        Args:
            min_age: age below which a job is not judged; its task may just be changing its state.
            state_of: tells the state of a task instance; by default Airflow does.
            named: this environment's names. Default: as Airflow has them.
        """
        named = named or environment(with_former=True)
        doubts = {named.name: named.doubt, **({named.former_id: named.former_id_doubt} if named.former_id else {})}
        found = []
        for name, doubt in doubts.items():
            jobs = self.jobs({DEPLOYMENT_LABEL: readable(name)})
            found += [replace(each, doubt=doubt) for each in find_orphans(jobs, name, utc_now() - min_age, state_of)]
        return found

    def get(self, job_id: str) -> JobSnapshot:
        """Return a job as it is now.

        Raises:
            NotFoundError: there is no such job.
        """
        return self._jobs.get(job_id)

    def stop(self, job_id: str, *, by: str = "") -> None:
        """Stop a job; one that has ended, or is gone, is left as it is. See :meth:`TrainingJobs.stop`."""
        self._jobs.stop(job_id, by=by)

    def wait(
        self,
        job_id: str,
        *,
        interval: float,
        show: Callable[[Iterable[str]], None],
        outage_limit: float = OUTAGE_LIMIT,
        try_number: int | None = None,
        shown: Mapping[str, Any] | None = None,
        show_logs: bool = True,
    ) -> JobSnapshot:
        """Wait in this process until a job has ended.

        Args:
            job_id: the job.
            interval: seconds between two looks.
            show: is given the job's log lines as they come.
            outage_limit: seconds that PAI may be unreachable.
            try_number: the task's try that shows the log.
            shown: what the task's log shows already, as a trigger's event tells. Default: what a triggerer has kept of
                this try, if any did.
            show_logs: whether the job's log is read at all.
        """
        reader = LogReader(self.client, job_id, self.log.warning) if show_logs else None
        checkpoint = Checkpoint(try_number, LogCursor.from_json(shown))
        return wait_for_end(
            self.client,
            job_id,
            interval=interval,
            outage=OutagePolicy(self.log.warning, outage_limit),
            log=TaskLog(reader, checkpoint, self.config.log_delay),
            show=show,
            notify=self._log_lines,
            sleep=self._sleep,
        )

    def log_tail(self, job_id: str, count: int = _TAIL_LINES, instances: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a job's last log lines, oldest first; empty when they can't be read.

        Args:
            job_id: the job.
            count: how many lines.
            instances: names of the instances to read. Default: the job's own log.
        """
        return log_tail(self.client, job_id, count, instances)

    def with_metrics(self, job: JobSnapshot) -> JobSnapshot:
        """Return a job that has ended with all its metrics, those too that only its log has; tell how each went."""
        return replace(
            job, metrics=whole_metrics(self.client, job, lambda text: self._log_lines([text]), self.log.warning)
        )

    def with_report(self, job: JobSnapshot) -> tuple[JobSnapshot, Report]:
        """Return a job that has ended with the metrics that it has reported itself, and all that it has reported."""
        return reported(self.client, lambda: self.oss, job, self.log.warning)

    def diagnose(self, job: JobSnapshot, *, overdue: bool = False, resumable: bool = False) -> Diagnosis:
        """Find out why a job ended badly; what can't be read of it is left out.

        Args:
            job: the job as it was last seen.
            overdue: whether it was stopped because it did not end in the task's time.
            resumable: whether another job resumes where this one stopped, from checkpoints.
        """
        failed = job.failed_instances if job.instance_count > 1 else ()
        details = read_failure_details(self.client, job, self.log_tail(job.job_id, instances=failed), self.log.warning)
        return diagnose(details, overdue=overdue, resumable=resumable)

    def observer(self, job_id: str) -> JobObserver:
        """Return what looks at a job again and again, for a page that shows it."""
        return JobObserver(self.client, self._jobs, self.config.workspace_id, job_id)

    def console_url(self, job_id: str) -> str:
        """Return the page of a job in PAI's console, or in local PAI."""
        config = self.config
        return console_url(config.region_id, config.workspace_id, text_of("job_id", job_id), config.endpoint or "")

    def output_pages(self, job: JobSnapshot) -> dict[str, str]:
        """Return the page of each output channel's folder in OSS's console; none for a local PAI."""
        config = self.config
        if config.endpoint or config.oss_endpoint:
            return {}
        return {name: page for name, uri in job.outputs.items() if (page := oss_page(config.region_id, uri))}

    def label(self, job_id: str, labels: Mapping[str, str]) -> bool:
        """Put labels on a job; tell whether they are there now. See :meth:`TrainingJobs.label`."""
        return self._jobs.label(job_id, labels, "what the labels say is not kept")

    def _log_lines(self, lines: Iterable[str]) -> None:
        for text in lines:
            self.log.info("%s", text)

    @cached_property
    def _jobs(self) -> TrainingJobs:
        return TrainingJobs(self.client, self.config.workspace_id, self.log)

    @cached_property
    def _preparation(self) -> JobPreparation:
        return JobPreparation(self.client, self.oss, self.log)

    @cached_property
    def _submission(self) -> Submission:
        return Submission(self._jobs, self._preparation, self.config.workspace_id, self.log, self._sleep)
