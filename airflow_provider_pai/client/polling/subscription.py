"""One wait for one job: what is known of it, when it is polled next, and what is passed on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import inf

from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.interval import QUICK_TIME, polling_interval
from airflow_provider_pai.client.polling.mailbox import Mailbox
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.queue_place import QuotaQueue, is_queued
from airflow_provider_pai.model.training.response import Mark
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot, moment

log = logging.getLogger(__name__)

_EARLY = 0.2
"""The part of a pause that may be left out when others are polled anyway."""


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """What was found out about a job.

    Attributes:
        snapshot: the job.
        lines: what is new, for the task's log: statuses, progress, log lines.
        notes: how many of the first lines are not of the job's log.
        cursor: what the task's log shows when it shows these lines, too.
    """

    snapshot: JobSnapshot
    lines: tuple[str, ...]
    cursor: LogCursor
    notes: int = 0


class LogState(Enum):
    """Where the reading of a job's log stands."""

    IDLE = "idle"
    QUEUED = "queued"
    READING = "reading"


class Subscription:
    """One wait for one job. Only its own methods change it, in the event loop's thread; times are the loop's.

    Args:
        job_id: the job.
        interval: seconds between two looks, at most.
        outage: decides how long errors are borne.
        log: says what goes into the task's log.

    Attributes:
        job: the job as it was last seen; None before.
        mark: what a list showed then, to see whether it has changed; None when it was not listed.
        created: when it was created; None while that is unknown.
        polled: when it was last seen, or asked for.
        early: when a cycle that others need may include it, too.
        due: when it must be polled; infinite while the change feed reports on it.
        is_patient: whether its look may come later than that, up to the interval, so that there are few calls.
        ended: whether it needs no further look.
        updates: what waits to be passed on; an error is the last of it.
    """

    __slots__ = (
        "_changed",
        "_late_noted",
        "_log_state",
        "_published",
        "created",
        "due",
        "early",
        "ended",
        "interval",
        "is_patient",
        "job",
        "job_id",
        "log",
        "mark",
        "outage",
        "polled",
        "updates",
    )

    def __init__(self, job_id: str, interval: float, outage: OutagePolicy, log: TaskLog) -> None:
        self.job_id = job_id
        self.interval = interval
        self.outage = outage
        self.log = log
        self.job: JobSnapshot | None = None
        self.mark: Mark | None = None
        self.created: datetime | None = None
        self.polled = self.early = self.due = 0.0
        self.ended = self.is_patient = False
        self.updates: Mailbox[JobUpdate | PAIError] = Mailbox()
        self._changed = 0.0
        self._published: JobSnapshot | None = None
        self._log_state = LogState.IDLE
        self._late_noted = False

    # When it is polled.

    def start(self, now: float, wait: float) -> None:
        """Ask for the first look."""
        self._changed = self.polled = self.early = now
        self.due = now + wait
        self.is_patient = False

    def schedule(self, now: float, calls: float, evenness: float) -> None:
        """Ask for the next look.

        Args:
            now: the time of this cycle.
            calls: what a look costs.
            evenness: the part of the pause that is made.
        """
        quiet = now - self._changed
        pause = polling_interval(self.interval, quiet, calls) * evenness
        self.is_patient = quiet > QUICK_TIME
        self.due = now + pause
        self.early = now + pause * (1 - _EARLY)

    def park(self) -> None:
        """Ask for no look: the change feed reports what changes."""
        self.due = self.early = inf

    def expedite(self, now: float) -> None:
        """Ask for a look with the next cycle."""
        self.due = self.early = now
        self.is_patient = False

    def record_attempt(self, now: float) -> None:
        """Take note that the job was asked for, in vain: others come first."""
        self.polled = now

    # What is known of the job.

    def observe(self, job: JobSnapshot, now: float, mark: Mark | None = None) -> bool:
        """Take note of the job as it is now; return whether anything about it is new."""
        self.observe_unchanged(now)
        self.mark = mark
        if job == self.job:
            return False
        if self.job is None or job.status != self.job.status:
            self._changed = now
        self.created = self.created or moment(job.created)
        self.job, self.ended = job, job.is_terminal
        return True

    def observe_unchanged(self, now: float) -> None:
        """Take note that the job is as it was."""
        self.polled = now
        self.outage.record_answer()

    def record_error(self, error: PAIError) -> None:
        """Bear an error, or pass it on."""
        try:
            self.outage.record_error(error)
        except PAIError as last:
            self.fail(last)

    # What is passed on.

    def publish(self, *lines: str, notes: Sequence[str] = ()) -> None:
        """Pass on what is new of the job; not while its log is read, since what that shows is not known then."""
        if self.job is None or self._log_state is LogState.READING:
            return
        self._published = self.job
        said = [*self.log.changes(self.job), *notes]
        self.updates.put(JobUpdate(self.job, (*said, *lines), self.log.cursor, notes=len(said)))

    @property
    def is_queued(self) -> bool:
        """Whether the job may wait in the queue of a quota."""
        return self.job is not None and not self.ended and is_queued(self.job)

    def publish_place(self, queue: QuotaQueue) -> None:
        """Pass on the job's place in the queue of its quota, when that is new."""
        if self.job is not None and self.is_queued and (lines := self.log.place_lines(self.job, lambda _: queue)):
            self.publish(notes=lines)

    def fail(self, error: PAIError) -> None:
        """Pass on why there are no further looks."""
        self.ended = True
        self.updates.put(error)

    def fail_internally(self, error: Exception) -> None:
        """Pass on a fault of ours that this job's answers have brought to light; it must not end others."""
        log.error("Job %s can't be watched here", self.job_id, exc_info=error)
        self.fail(PAIError(f"job {self.job_id} can't be watched here: {error!r}"))

    def cancel(self) -> None:
        """Take note that there is no subscriber any more."""
        self.ended = True

    @property
    def has_published_end(self) -> bool:
        """Whether the job's end was passed on."""
        return self._published is not None and self._published.is_terminal

    # Its log.

    @property
    def talking(self) -> JobSnapshot | None:
        """The job, when there may be log lines to read."""
        if self.job is None or self.ended or not self.log.is_read or self.job.status in WAITING_STATUSES:
            return None
        return self.job

    def enqueue_log_read(self) -> bool:
        """Take note that the log waits to be read; return False when it does already, or when there is none."""
        if self._log_state is not LogState.IDLE or not self.talking:
            return False
        self._log_state = LogState.QUEUED
        return True

    def begin_log_read(self) -> JobSnapshot | None:
        """Take note that the log is being read; return the job, or None when there is nothing to read any more."""
        job = self.talking
        self._log_state = LogState.READING if job else LogState.IDLE
        return job

    def finish_log_read(self, lines: list[str]) -> None:
        """Pass on what was read, and what was found out of the job meanwhile."""
        self._log_state = LogState.IDLE
        if lines or self.job is not self._published:
            self.publish(*lines)

    def abort_log_read(self, error: Exception | None = None) -> None:
        """Take note that the log is read no more; an error is a fault of ours."""
        self._log_state = LogState.IDLE
        if error:
            self.fail_internally(error)

    def note_late_logs(self, text: str) -> None:
        """Say once in the task's log why its lines come late."""
        if not self._late_noted:
            self._late_noted = True
            self.publish(notes=[text])
