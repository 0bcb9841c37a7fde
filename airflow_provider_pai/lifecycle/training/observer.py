"""Reads of a job what a page shows, in few calls: each look reads only what is new."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from airflow_provider_pai.api.training import LARGEST_PAGE_SIZE, list_training_job_events, list_training_jobs
from airflow_provider_pai.client.logs.feed import LogFeed
from airflow_provider_pai.client.metrics.feed import MetricFeed
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.training.failure_details import read_failure_details
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.model.function.report import is_progress, readable_lines
from airflow_provider_pai.model.monitor.curve import Curve, listed_curves, reported_curves
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.progress import entered
from airflow_provider_pai.model.monitor.reported import ReportedSoFar
from airflow_provider_pai.model.training.diagnosis import Diagnosis, diagnose
from airflow_provider_pai.model.training.ownership import LOOK_BACK
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot, JobStatus, moment

T = TypeVar("T")
_TAIL = 50
LOG_LINES = 200
"""Lines of the log that are shown, as a person reads them."""
_SETTLING = timedelta(seconds=20)
"""After a job's end, how long lines of its log may still come."""


class JobObserver:
    """Looks at one job again and again; not to be used from two threads at a time.

    Args:
        client: sends the calls.
        jobs: the workspace's jobs.
        workspace_id: the workspace.
        job_id: the job.
        now: the time in UTC.
    """

    def __init__(
        self,
        client: Sender,
        jobs: TrainingJobs,
        workspace_id: str,
        job_id: str,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._workspace_id = workspace_id
        self._job_id = job_id
        self._now = now
        self._log = LogFeed(client, job_id)
        self._feed = MetricFeed(client, job_id)
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._reported = ReportedSoFar()
        self._unread: list[str] = []
        self._end_seen: datetime | None = None

    def observe(self) -> JobObservation:
        """Return the job as it is now. What can't be read of it is named, and read at the next look.

        Raises:
            PAIError: the job itself can't be read.
        """
        job = self._jobs.get(self._job_id)
        self._unread = []
        is_waiting = job.status in WAITING_STATUSES
        if not is_waiting:
            self._try("the log", self._read_log)
            if job.metric_regexes or job.metrics or job.metrics_without_value:
                self._try("the metrics", self._feed.read_on)
        events = self._try("the events", self._events) if is_waiting else None
        before = self._try("the queue", lambda: self._waiting_before(job)) if is_waiting else None
        running = self._try("the running jobs", self._running) if is_waiting else None
        return JobObservation(
            job,
            self._now(),
            events=events or (),
            waiting_before=before,
            running=running,
            log=tuple(self._lines),
            log_total=self._log.total,
            report=self._reported.report,
            progressed=self._reported.progressed,
            curves=self._curves(job),
            diagnosis=self._diagnosis(job),
            unread=tuple(self._unread),
            is_settled=self._is_settled(job),
        )

    def _is_settled(self, job: JobSnapshot) -> bool:
        """Whether nothing more is to come: lines may come after the end, and what is unread is read later."""
        if not job.is_terminal:
            return False
        self._end_seen = self._end_seen or self._now()
        ended = moment(job.transitions[-1].start) if job.transitions else None
        return not self._unread and self._now() - min(ended or self._end_seen, self._end_seen) >= _SETTLING

    def _read_log(self) -> None:
        new = self._log.read_on()
        self._reported.add(new, self._now())
        shown = readable_lines(new)
        if shown and self._lines and is_progress(shown[0]) and is_progress(self._lines[-1]):
            self._lines.pop()
        self._lines.extend(shown)

    def _curves(self, job: JobSnapshot) -> dict[str, Curve]:
        """Return the metrics; where a job reports one itself, that counts: it has the steps."""
        listed = listed_curves(self._feed.points, entered(job, JobStatus.RUNNING))
        return {**listed, **reported_curves(self._reported.values)}

    def _events(self) -> tuple[str, ...]:
        return self._client.send(list_training_job_events(self._job_id), attempts=2).lines

    def _waiting_before(self, job: JobSnapshot) -> int:
        """Count the jobs of the workspace that are in the same status and were created before this one."""
        since = self._now() - LOOK_BACK
        call = list_training_jobs(
            self._workspace_id, start_time=since, status=job.status, page_size=LARGEST_PAGE_SIZE, order="ASC"
        )
        page = self._client.send(call, attempts=2)
        return sum(each.created < job.created for each in page.items if each.job_id != job.job_id)

    def _running(self) -> int:
        """Count the jobs of the workspace that run."""
        since = self._now() - LOOK_BACK
        call = list_training_jobs(self._workspace_id, start_time=since, status=JobStatus.RUNNING, page_size=1)
        return self._client.send(call, attempts=2).total

    def _diagnosis(self, job: JobSnapshot) -> Diagnosis | None:
        if not job.is_terminal or job.is_success:
            return None
        tail = tuple(self._lines)[-_TAIL:]
        return diagnose(read_failure_details(self._client, job, tail, self._warn))

    def _warn(self, message: str, *values: object) -> None:
        self._unread.append(message % values)

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except PAIError as error:
            self._unread.append(f"{what[0].upper()}{what[1:]} can't be read: {error}")
            return None
