"""Which ends of jobs start a DAG: each one once, whatever happens to the triggerer.

What was announced is a label on the job itself, so a triggerer that was away finds what has ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_provider_pai.model.training.status import TERMINAL_STATUSES, JobSnapshot, moment

SLACK = timedelta(minutes=10)
"""How late a list may show an end, and how far clocks may differ [inferred]."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class EndAnnouncements:
    """What a look at jobs leads to.

    Attributes:
        fire: jobs to announce, those that ended first before the others.
        skip: jobs that count as announced: the older ones, when the watcher sees the jobs for the first time.
        since: ends from then on are announced.
    """

    fire: tuple[JobSnapshot, ...]
    skip: tuple[JobSnapshot, ...]
    since: datetime


def plan_end_announcements(
    jobs: Iterable[JobSnapshot],
    label: str,
    announced: Collection[str],
    now: datetime,
    *,
    statuses: Collection[str] = TERMINAL_STATUSES,
    since: datetime | None = None,
) -> EndAnnouncements:
    """Decide which ends to announce.

    At its first look at jobs that have ended a watcher announces the last end only. From then on it announces each.

    Args:
        jobs: the jobs that were seen.
        label: on those that were announced.
        announced: ids of those that this process has announced, should a label not have been accepted.
        now: the time of this look.
        statuses: statuses of the ends that are announced.
        since: when the watcher began; None when that is not known.
    """
    ended = [each for each in jobs if each.is_terminal and each.status in statuses]
    done = [each for each in ended if label in each.labels or each.job_id in announced]
    # Without a beginning that was written down, the last announcement says that there was one.
    if since is None and done:
        since = max(map(end_of, done)) - SLACK
    new = sorted((each for each in ended if each not in done), key=lambda each: (end_of(each), each.job_id))
    if since is not None:
        return EndAnnouncements(tuple(each for each in new if end_of(each) >= since), (), since)
    if not new:
        return EndAnnouncements((), (), now - SLACK)
    since = end_of(new[-1]) - SLACK
    return EndAnnouncements((new[-1],), tuple(each for each in new[:-1] if end_of(each) >= since), since)


def end_of(job: JobSnapshot) -> datetime:
    """Return when a job has ended, or what is nearest to that of what is known."""
    times = [moment(each.start) for each in job.transitions if each.status in TERMINAL_STATUSES]
    known = [each for each in (*times, moment(job.created)) if each is not None]
    return known[0] if known else _LONG_AGO


def has_labels(job: JobSnapshot, labels: Mapping[str, str]) -> bool:
    """Whether a job has all of some labels."""
    return all(job.labels.get(name) == value for name, value in labels.items())
