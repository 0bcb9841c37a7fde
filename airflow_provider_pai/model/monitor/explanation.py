"""What a job's state means, in sentences: why it waits, how far it is, what went wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.progress import ProgressEstimate, entered, estimate_progress
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot, JobStatus, moment

_STEPS = {
    JobStatus.CREATING: "PAI is creating the job.",
    JobStatus.CREATED: "The job waits for its turn: PAI has not begun to prepare it.",
    JobStatus.INITIALIZING: "PAI prepares the job: it looks for a machine, pulls the image and mounts the data.",
    JobStatus.SUBMITTED: "The job waits for its turn: its machines are not there yet.",
}


class JobState(StrEnum):
    """How a job is doing, as a person asks."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Explanation:
    """What to know of a job at once.

    Attributes:
        state: how it is doing.
        headline: the same, in a few words.
        lines: sentences that explain it.
        advice: what to do; empty when there is nothing to be done.
    """

    state: JobState
    headline: str
    lines: tuple[str, ...] = ()
    advice: str = ""


def explain(seen: JobObservation) -> Explanation:
    """Return what a job's state means."""
    job = seen.job
    if job.status in WAITING_STATUSES:
        return _waiting(seen)
    if not job.is_terminal:
        return _running(seen)
    if job.is_success:
        return Explanation(JobState.SUCCEEDED, f"Finished{_lasted(job)}", ())
    return _ended_badly(seen)


def duration(seconds: float) -> str:
    """Return a time span in words, such as ``2 h 5 min``."""
    whole = max(0, round(seconds))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    shown = [(number, unit) for number, unit in parts if number]
    return " ".join(f"{number} {unit}" for number, unit in shown[:2]) or "0 s"


def time_text(moment_in_utc: datetime) -> str:
    """Return a time in UTC as texts of a view have it: the page shows it in Airflow's time zone."""
    return f"{moment_in_utc:%Y-%m-%dT%H:%M:%SZ}"


def _waiting(seen: JobObservation) -> Explanation:
    job = seen.job
    created = moment(job.created)
    since = f" for {duration((seen.seen - created).total_seconds())}" if created else ""
    lines = [_STEPS.get(JobStatus(job.status), "")]
    reason = (job.transitions[-1].reason if job.transitions else "") or job.reason
    if reason:
        lines.append(f"PAI says: {reason}")
    if seen.waiting_before is not None:
        lines.append(_place(seen.waiting_before, seen.running))
    if seen.events:
        lines.append(f"Last event: {seen.events[-1]}")
    advice = ""
    if created and seen.seen - created > timedelta(minutes=10):
        advice = (
            "A long wait most often means that the quota is used up, or that there is no machine of this type: look at "
            "the quota in PAI's console, or take another instance_type."
        )
    return Explanation(JobState.WAITING, f"Waiting{since}", tuple(filter(None, lines)), advice)


def _place(before: int, running: int | None) -> str:
    """Say which place a job has; priorities and quotas may change the order, which PAI does not tell."""
    now = "" if running is None else f" {_jobs(running, 'runs', 'run')} there now."
    if not before:
        return f"It is the next of this workspace's waiting jobs, by the time of creation.{now}"
    return f"{_jobs(before, 'waits', 'wait')} before it in this workspace, by the time of creation.{now}"


def _jobs(count: int, one: str, many: str) -> str:
    return f"1 job {one}" if count == 1 else f"{count or 'No'} jobs {many}"


def _running(seen: JobObservation) -> Explanation:
    job = seen.job
    start = entered(job, JobStatus.RUNNING)
    since = f" for {duration((seen.seen - start).total_seconds())}" if start else ""
    found = estimate_progress(seen)
    lines = [_progress_line(found, seen.seen)] if found else [_NO_PROGRESS]
    if found and found.remaining_s == 0 and seen.progressed:
        silent = duration((seen.seen - seen.progressed).total_seconds())
        lines.append(f"At the speed so far it would have ended by now: its last progress was seen {silent} ago.")
    if job.status != JobStatus.RUNNING:
        lines.append(f"PAI says that the job is {job.status}, which this provider does not know; it counts as running.")
    return Explanation(JobState.RUNNING, f"Running{since}", tuple(lines))


_NO_PROGRESS = "The job does not report how far it is; pai_report.progress(...) in its code does."


def _progress_line(found: ProgressEstimate, now: datetime) -> str:
    said = f" ({found.text})" if found.text else ""
    line = f"{found.fraction:.0%} done{said}"
    if not found.remaining_s:
        return f"{line}."
    end = now + timedelta(seconds=found.remaining_s)
    return f"{line}, about {duration(found.remaining_s)} left at the speed so far: until about {time_text(end)}."


def _ended_badly(seen: JobObservation) -> Explanation:
    job, diagnosis = seen.job, seen.diagnosis
    is_stop = job.status == JobStatus.TERMINATED
    state = JobState.STOPPED if is_stop else JobState.FAILED
    headline = f"{'Stopped' if is_stop else 'Failed'}{_lasted(job)}"
    lines = []
    if diagnosis:
        lines.append(f"{diagnosis.cause}." + (f" The log says that {diagnosis.hint}." if diagnosis.hint else ""))
    if job.reason:
        lines.append(f"PAI says: {job.reason}")
    if error := seen.report.error:
        lines.append(f"The function raised {error.kind}: {error.message}")
    return Explanation(state, headline, tuple(lines), diagnosis.advice if diagnosis else "")


def _lasted(job: JobSnapshot) -> str:
    if job.duration_s is None:
        return ""
    return f" after {duration(job.duration_s)}" if job.duration_s else " within a second"
