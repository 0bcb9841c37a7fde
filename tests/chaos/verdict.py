"""What must hold after a trial."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any

from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.identity import GENERATION_LABEL, KEY_LABEL, number
from airflow_provider_pai.model.status import JobSnapshot, JobStatus
from airflow_provider_pai.operators.attempt import identity_of
from tests.chaos.trial import Trial

_PATIENCE = 15.0


def violations(trial: Trial, hook: PAITrainingHook) -> Iterator[str]:
    """Yield what a trial has broken; waits until what was asked to end has ended."""
    identity = identity_of(trial.last, trial.retries)
    active = _active(hook, identity.filter())
    if active and trial.orphaned:
        # The last try was killed: nobody of ours was left. Airflow fails the task, and the janitor comes by.
        for orphan in hook.orphans(min_age=timedelta(0), state_of=lambda _, run, *__: _state(run, trial)):
            hook.stop(orphan.job.job_id)
        active = _active(hook, identity.filter())
    if active:
        yield f"still active after the task's end: {[job.job_id for job in active]}"
    jobs = hook.jobs(identity.filter())
    yield from _doubles(trial, jobs)
    if trial.value is not None:
        yield from _wrong_value(trial.value, jobs)


def _state(run_id: str, trial: Trial) -> str:
    return "failed" if run_id == trial.first.run_id else "running"


def _active(hook: PAITrainingHook, labels: dict[str, str]) -> list[JobSnapshot]:
    """Return the jobs that don't end by themselves soon: what is being stopped, and short jobs, are given time."""
    end = time.monotonic() + _PATIENCE
    while True:
        active = [job for job in hook.jobs(labels) if not job.is_terminal]
        if not [job for job in active if "airflow.stopping" in job.labels] or time.monotonic() > end:
            return active
        time.sleep(0.1)


def _doubles(trial: Trial, jobs: Sequence[JobSnapshot]) -> Iterator[str]:
    """Two jobs of one generation must not both run to their own end at the same time, nor both succeed."""
    # The list has the newest first, also of those of one second.
    for one, other in combinations(reversed(jobs), 2):
        if number(one, GENERATION_LABEL) != number(other, GENERATION_LABEL):
            continue
        pair = f"{one.job_id} ({one.status}) and {other.job_id} ({other.status})"
        if one.is_success and other.is_success:
            yield f"paid twice: {pair} both succeeded"
        elif JobStatus.TERMINATED not in (one.status, other.status) and _overlap(one, other):
            yield f"paid twice: {pair} ran at the same time"
        elif trial.calm and _overlap(one, other):
            yield f"two jobs at a time, though only one copy was ever alive: {pair}"


def _overlap(older: JobSnapshot, newer: JobSnapshot) -> bool:
    return newer.created < (older.transitions[-1].end or "9")


def _wrong_value(value: dict[str, Any], jobs: Sequence[JobSnapshot]) -> Iterator[str]:
    named = next((job for job in jobs if job.job_id == value["job_id"]), None)
    if named is None or not named.is_success:
        yield f"the result names {value['job_id']}, which is {named.status if named else 'unknown'}"
    elif number(named, GENERATION_LABEL) != max(number(job, GENERATION_LABEL) for job in jobs):
        yield f"the result names {value['job_id']}, which is of an older generation"
    elif value["model_uri"] != named.outputs["model"]:
        yield f"the result's model is not that of {named.job_id} ({KEY_LABEL} {named.labels[KEY_LABEL]})"
