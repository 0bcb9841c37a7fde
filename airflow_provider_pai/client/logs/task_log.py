"""What goes from a job into its task's log: statuses, progress and log lines, each once and in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TypeVar

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.transport.config import LOG_DELAY
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.function.report import readable_lines
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.queue_place import QuotaQueue
from airflow_provider_pai.model.training.status import JobSnapshot, moment
from airflow_provider_pai.model.training.status_messages import StatusReporter

log = logging.getLogger(__name__)

T = TypeVar("T")
LOG_CONTINUES = "(The log continues; PAI's console has all of it.)"
MISSING = "(Log lines are missing here; PAI's console has them. The reason: {})"
_UNREADABLE = "(The job's log can't be read on here; PAI's console has all of it.)"
_LAST_LOOKS = (1 / 3, 2 / 3)


class TaskLog:
    """Continues where the task's log stopped, as soon as the job is seen for the first time.

    It never raises: a worker that can't wait for its job stops it, and showing less is better than that.

    Args:
        reader: reads the job's log; None for not at all.
        checkpoint: knows where the task's log stopped.
        delay: seconds for which lines may still come after the job's end.

    Attributes:
        checkpoint: the same.
    """

    def __init__(self, reader: LogReader | None, checkpoint: Checkpoint, delay: float = LOG_DELAY) -> None:
        self._reader = reader
        self.checkpoint = checkpoint
        self._delay = delay
        self._reporter = StatusReporter()
        self._opened = False
        self._unreadable = False
        self._is_quiet = True

    @property
    def is_read(self) -> bool:
        """Whether the job's log is read."""
        return self._reader is not None

    @property
    def behind(self) -> bool:
        """Whether the last read stopped because it had taken enough; there may be more lines at once."""
        return self._reader is not None and self._reader.behind and not self._unreadable

    @property
    def passing_error(self) -> PAIError | None:
        """An error because of which lines are missing, and which may pass; None for no such error."""
        error = self._reader.error if self._reader else None
        return error if error and may_repeat(idempotent=True, error=error) else None

    def last_pauses(self, job: JobSnapshot, now: datetime) -> Iterator[float]:
        """Yield the seconds to wait before each of the last looks at the log, which come after the job's end.

        A look is needed while the one before failed, or while lines may still come: of a job that has succeeded only
        until there was nothing new, and no longer than lines are late.

        Args:
            job: the job that has ended.
            now: the time, in UTC.
        """
        if self._reader is None:
            return
        delay = max(0.0, self._delay - _seconds_since_end(job, now)) if job.is_success else self._delay
        for part in _LAST_LOOKS:
            if self._reader.error:
                yield part * (self._delay or LOG_DELAY)
            elif delay and not (job.is_success and self._is_quiet):
                yield part * delay

    @property
    def cursor(self) -> LogCursor:
        """What the task's log shows when it shows everything that was returned."""
        return LogCursor(self._reporter.logged, self._reader.shown if self._reader else {})

    def changes(self, job: JobSnapshot) -> list[str]:
        """Return what is new about a job, but for its log lines and its end."""
        if not self._opened:
            self._opened = True
            self._guard(job, self._open)
        return self._guard(job, self._reporter.changes) or []

    def place_lines(self, job: JobSnapshot, read: Callable[[JobSnapshot], QuotaQueue | None]) -> list[str]:
        """Return a job's place in the queue of a quota, when that is new.

        Args:
            job: the job as it was just seen.
            read: returns the queue; None when there is nothing to say.
        """
        return self._guard(job, partial(self._place_lines, read)) or []

    def lines(self, job: JobSnapshot, pages: int = PAGES_PER_READ) -> list[str]:
        """Return new log lines.

        Args:
            job: the job as it was just seen.
            pages: the most pages to take.
        """
        if self._reader is None or self._unreadable:
            return []
        lines = self._guard(job, partial(self._reader.read, pages=pages))
        self._is_quiet = not lines
        self._unreadable = lines is None
        return [_UNREADABLE] if lines is None else readable_lines(lines)

    def gap_notes(self) -> list[str]:
        """Return what to show in place of lines that were left out, when none is read any more."""
        continues = [LOG_CONTINUES] if self.behind else []
        error = self._reader.error if self._reader else None
        return [*continues, MISSING.format(error)] if error else continues

    def end_lines(self, job: JobSnapshot) -> list[str]:
        """Return the end of a job, which comes after its last log lines."""
        return self._guard(job, self._reporter.end) or []

    def _place_lines(self, read: Callable[[JobSnapshot], QuotaQueue | None], job: JobSnapshot) -> list[str]:
        queue = read(job)
        return self._reporter.place(job, queue) if queue else []

    def _open(self, job: JobSnapshot) -> None:
        stopped = self.checkpoint.open(job)
        self._reporter = StatusReporter(stopped.statuses)
        if self._reader:
            self._reader.resume(stopped.lines)

    def _guard(self, job: JobSnapshot, show: Callable[[JobSnapshot], T]) -> T | None:
        """Return what is shown of a job; None when that fails."""
        try:
            return show(job)
        except Exception:
            log.exception("Job %s can't be shown in full here; the job continues", job.job_id)
            return None


def _seconds_since_end(job: JobSnapshot, now: datetime) -> float:
    """Return how long ago a job ended by its own account; 0 when it doesn't tell, or its clock is ahead of ours."""
    ended = moment(job.transitions[-1].start) if job.transitions else None
    return max(0.0, (now - ended).total_seconds()) if ended else 0.0
