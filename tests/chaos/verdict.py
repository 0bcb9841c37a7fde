"""What must hold after a trial."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from airflow_provider_pai.hooks.task_attempt import owner_of
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.model.training.ownership import is_being_stopped
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus
from tests.chaos.trial import Trial
from tests.support.exactly_one import doubles, wrong_value

_PATIENCE = 15.0


def violations(trial: Trial, hook: PAITrainingHook) -> Iterator[str]:
    """Yield what a trial has broken; waits until what was asked to end has ended."""
    owner = owner_of(trial.last, trial.retries)
    for job_id in trial.foreign:
        job = hook.get(job_id)
        if job.status == JobStatus.TERMINATED or is_being_stopped(job):
            yield f"job {job_id} of another environment or pass was stopped"
    active = _active(hook, owner.filters()[0])
    if active and trial.orphaned:
        # The last try was killed: no process of ours was left. Airflow fails the task, and the janitor comes by.
        for orphan in hook.orphans(min_age=timedelta(0), state_of=lambda _, run, *__: _state(run, trial)):
            hook.stop(orphan.job.job_id)
        active = _active(hook, owner.filters()[0])
    if active:
        yield f"still active after the task's end: {[job.job_id for job in active]}"
    jobs = hook.jobs(owner.filters()[0])
    yield from doubles(jobs, calm=trial.calm)
    if trial.value is not None:
        yield from wrong_value(trial.value, jobs)


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
