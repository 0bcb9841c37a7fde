"""What must hold of the jobs of one task, whatever has happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from airflow_provider_pai.model.training.ownership import KEY_LABEL, MAX_TRIES_LABEL, TRY_LABEL, label_number
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus


def doubles(jobs: Sequence[JobSnapshot], *, calm: bool) -> Iterator[str]:
    """Two jobs of one generation must not both run to their own end at the same time, nor both succeed.

    Args:
        jobs: the task's, newest first.
        calm: whether no two copies of the task were alive at a time and none was told to end.
    """
    # The list has the newest first, also of those of one second.
    for one, other in combinations(reversed(jobs), 2):
        if label_number(one, MAX_TRIES_LABEL) != label_number(other, MAX_TRIES_LABEL):
            continue
        pair = f"{one.job_id} ({one.status}) and {other.job_id} ({other.status})"
        if one.is_success and other.is_success:
            yield f"paid twice: {pair} both succeeded"
        elif JobStatus.TERMINATED not in (one.status, other.status) and _overlap(one, other):
            yield f"paid twice: {pair} ran at the same time"
        elif calm and _overlap(one, other):
            yield f"two jobs at a time, though only one copy was ever alive: {pair}"


def _overlap(older: JobSnapshot, newer: JobSnapshot) -> bool:
    return newer.created < (older.transitions[-1].end or "9")


def wrong_value(value: Mapping[str, Any], jobs: Sequence[JobSnapshot]) -> Iterator[str]:
    """The result must name a job that has succeeded, of the newest generation, and that job's model."""
    named = next((job for job in jobs if job.job_id == value["job_id"]), None)
    if named is None or not named.is_success:
        yield f"the result names {value['job_id']}, which is {named.status if named else 'unknown'}"
    elif label_number(named, MAX_TRIES_LABEL) != label_number(_latest(jobs), MAX_TRIES_LABEL):
        yield f"the result names {value['job_id']}, which is of an older generation"
    elif value["model_uri"] != named.outputs["model"]:
        yield f"the result's model is not that of {named.job_id} ({KEY_LABEL} {named.labels[KEY_LABEL]})"


def _latest(jobs: Sequence[JobSnapshot]) -> JobSnapshot:
    """The job of the latest try, which is of the newest generation."""
    return max(jobs, key=lambda job: label_number(job, TRY_LABEL))
