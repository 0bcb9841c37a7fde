"""What a task's log tells of a job besides the job's own lines: its statuses and its progress."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_pai.model.training.queue_place import QuotaQueue, place_text
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES, JobSnapshot, Transition, moment


class StatusReporter:
    """Report each status that a job entered once and in order, also one that came and went between two looks.

    Args:
        logged: number of statuses that were logged before.

    Attributes:
        logged: number of statuses logged so far.
    """

    def __init__(self, logged: int = 0) -> None:
        self.logged = logged
        self._status = ""
        self._progress: float | None = None
        self._place = ""

    def changes(self, job: JobSnapshot) -> list[str]:
        """Return what is new about a job, but for its end: its last log lines come first."""
        return [*self._statuses(job, end=False), *self._progressed(job)]

    def end(self, job: JobSnapshot) -> list[str]:
        """Return the end of a job that has ended, and what else is new."""
        return self._statuses(job, end=True)

    def place(self, job: JobSnapshot, queue: QuotaQueue) -> list[str]:
        """Return a job's place in the queue of its quota, when that is new."""
        text = place_text(job, queue)
        if not text or text == self._place:
            return []
        self._place = text
        return [text]

    def _statuses(self, job: JobSnapshot, *, end: bool) -> list[str]:
        present = Transition(job.status, reason_code=job.reason_code, reason_message=job.reason_message)
        if job.transitions:
            entered = list(job.transitions)
            if end and entered[-1].status != job.status:
                entered.append(present)
        else:
            # Without its history a job tells at least where it is.
            entered = [present] * (self.logged + (job.status != self._status))
        if not end:
            entered = [each for each in entered if each.status not in TERMINAL_STATUSES]
        new = entered[self.logged :]
        # An answer may be older than the one before; its missing end was logged nevertheless.
        self.logged = max(self.logged, len(entered))
        self._status = new[-1].status if new else self._status
        return [_text(job, each) for each in new]

    def _progressed(self, job: JobSnapshot) -> list[str]:
        if job.progress is None or job.progress == self._progress:
            return []
        self._progress = job.progress
        return [f"Job {job.job_id}: progress {job.progress:g}{_left(job.remaining_s)}"]


def _left(seconds: int | None) -> str:
    """Say how long a job still needs; the job itself says so, and may say anything."""
    try:
        return "" if seconds is None else f", {timedelta(seconds=seconds)} left"
    except OverflowError:
        return ""


def _text(job: JobSnapshot, entered: Transition) -> str:
    start = moment(entered.start)
    when = f" at {start:%Y-%m-%d %H:%M:%S} UTC" if start else ""
    reason = entered.reason or (job.reason if entered.status == job.status else "")
    return f"Job {job.job_id}: {entered.status}{when}" + (f" ({reason})" if reason else "")
