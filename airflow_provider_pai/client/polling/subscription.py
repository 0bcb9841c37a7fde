"""One job that somebody waits for, and what is passed on to them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.interval import polling_interval
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.response import Mark
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot, moment

log = logging.getLogger(__name__)

_EARLY = 0.2
"""The part of a pause that may be left out when others are looked at anyway."""


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """What was found out about a job.

    Attributes:
        snapshot: the job.
        lines: what is new, for the task's log: statuses, progress, log lines.
        cursor: what the task's log shows when it shows these lines, too.
        unread: whether the job has ended and its last log lines were left to somebody with more time.
    """

    snapshot: JobSnapshot
    lines: tuple[str, ...]
    cursor: LogCursor
    unread: bool = False


@dataclass(eq=False, slots=True)
class Subscription:
    """One waiting for one job. Changed by the event loop's thread alone; times are the loop's.

    Attributes:
        job_id: the job.
        interval: seconds between two looks, at most.
        outage: decides how long errors are borne.
        log: says what goes into the task's log.
        job: the job as it was last seen; None before.
        mark: what a list showed then, to see whether it has changed; None when it was not listed.
        created: when it was created; None while that is unknown.
        changed: when it was last seen in another status than before, or when the waiting began.
        looked: when it was last seen, or asked for.
        early: when a round that others need may look at it, too.
        due: when it must be looked at.
        ended: whether no round needs to look again.
        published: the job as it was last passed on; None before.
        waiting_for_log: whether its log waits to be read.
        reading: whether its log is being read, in a thread.
        told_late: whether its task's log says that lines come late.
        queue: what waits to be passed on.
    """

    job_id: str
    interval: float
    outage: OutagePolicy
    log: TaskLog
    job: JobSnapshot | None = None
    mark: Mark | None = None
    created: datetime | None = None
    changed: float = 0.0
    looked: float = 0.0
    early: float = 0.0
    due: float = 0.0
    published: JobSnapshot | None = None
    ended: bool = False
    waiting_for_log: bool = False
    reading: bool = False
    told_late: bool = False
    queue: asyncio.Queue[JobUpdate | PAIError] = field(default_factory=asyncio.Queue)

    def begin(self, now: float, wait: float) -> None:
        """Be looked at for the first time."""
        self.changed = self.looked = self.early = now
        self.due = now + wait

    def rest(self, now: float, calls: float, evenness: float) -> None:
        """Be looked at again after a while.

        Args:
            now: the time of this round.
            calls: what a look costs.
            evenness: the part of the pause that is made.
        """
        pause = polling_interval(self.interval, now - self.changed, calls) * evenness
        self.due = now + pause
        self.early = now + pause * (1 - _EARLY)

    def see(self, job: JobSnapshot, now: float, mark: Mark | None = None) -> bool:
        """Take note of the job as it is now; whether anything about it is new."""
        self.see_unchanged(now)
        self.mark = mark
        if job == self.job:
            return False
        if self.job is None or job.status != self.job.status:
            self.changed = now
        self.created = self.created or moment(job.created)
        self.job, self.ended = job, job.is_terminal
        return True

    def see_unchanged(self, now: float) -> None:
        """Take note that the job is as it was."""
        self.looked = now
        self.outage.record_answer()

    def publish(self, *lines: str) -> None:
        """Pass on what is new of the job; not while its log is read, since what that shows is not known then."""
        if self.job is None or self.reading:
            return
        self.published = self.job
        news = self.log.changes(self.job)
        self.queue.put_nowait(JobUpdate(self.job, (*news, *lines), self.log.cursor))

    def fail(self, error: PAIError) -> None:
        """Bear with an error, or pass it on."""
        try:
            self.outage.record_error(error)
        except PAIError as last:
            self.give_up(last)

    def give_up(self, error: PAIError) -> None:
        """Pass on why no round looks again."""
        self.ended = True
        self.queue.put_nowait(error)

    def break_down(self, error: Exception) -> None:
        """Pass on a mistake that this job's answers have brought to light; they must not end other watches."""
        log.error("Job %s can't be watched here", self.job_id, exc_info=error)
        self.give_up(PAIError(f"job {self.job_id} can't be watched here: {error!r}"))

    @property
    def talking(self) -> JobSnapshot | None:
        """The job, when there may be log lines to read."""
        if self.job is None or self.ended or not self.log.is_read or self.job.status in WAITING_STATUSES:
            return None
        return self.job
