"""How far a job is, and how long it still needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, moment

_LONGEST = 366 * 86400.0


@dataclass(frozen=True)
class ProgressEstimate:
    """How far a job is.

    Attributes:
        fraction: from 0 to 1.
        text: what it is doing, in its own words; empty for none.
        remaining_s: seconds that it still needs; None when that can't be told.
    """

    fraction: float
    text: str = ""
    remaining_s: float | None = None


def entered(job: JobSnapshot, status: str) -> datetime | None:
    """Return when a job entered a status first; None when it did not, or when that is not known."""
    return next((moment(each.start) for each in job.transitions if each.status == status), None)


def estimate_progress(seen: JobObservation) -> ProgressEstimate | None:
    """Return how far a job is: by what it reports itself, else by what PAI says; None when neither tells.

    What remains is estimated from the speed so far: the time of the reported share, measured when it was first seen.
    """
    job, report = seen.job, seen.report
    if report.progress is not None:
        remaining = _remaining(entered(job, JobStatus.RUNNING), seen.progressed, seen.seen, report.progress)
        return ProgressEstimate(report.progress, report.text, _believable(job, remaining))
    if job.progress is not None and 0 <= job.progress <= 100:
        # PAI's unit is the algorithm's [inferred: a share, or a percentage].
        fraction = job.progress if job.progress <= 1 else job.progress / 100
        return ProgressEstimate(fraction, "", _believable(job, job.remaining_s))
    return None


def _believable(job: JobSnapshot, remaining: float | None) -> float | None:
    """Return the seconds that are left; None for a job that has ended, and for more than a year."""
    return None if job.is_terminal or remaining is None or not 0 <= remaining <= _LONGEST else remaining


def _remaining(start: datetime | None, progressed: datetime | None, now: datetime, fraction: float) -> float | None:
    if start is None or progressed is None or fraction <= 0:
        return None
    needed = (progressed - start).total_seconds() * (1 - fraction) / fraction
    return max(0.0, needed - (now - progressed).total_seconds())
