"""Which task attempt a job belongs to, and what to do about the jobs an attempt finds.

PAI's create call has no client token, so owner is carried by labels of the job.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_pai.model.training.status import JobSnapshot

RESERVED_PREFIX = "airflow."
"""Labels that begin so are this package's."""
KEY_LABEL = "airflow.key"
GENERATION_LABEL = "airflow.generation"
TRY_LABEL = "airflow.try"
STOPPING_LABEL = "airflow.stopping"
"""Put on a job before it is stopped: PAI's stop takes its time, and meanwhile nobody may adopt the job."""
DETACHED_LABEL = "airflow.detached"
"""On a job that may go on after its task: the task doesn't wait for it, or leaves it when it is killed."""
DEPLOYMENT_LABEL = "airflow.deployment"
LOOK_BACK = timedelta(days=30)
"""How far back a task looks for a job of its own; no job should run longer, or its task would not find it."""
LABEL_BYTES = 128
"""Longest label value; AIWorkSpace documents 128 bytes for its labels, for jobs no limit is public [inferred]."""


@dataclass(frozen=True)
class JobOwner:
    """The task attempt that wants a job.

    Attributes:
        deployment: name of the Airflow deployment; keeps two that share a workspace apart.
        dag_id: the DAG.
        run_id: the DAG run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
        generation: constant over automatic retries, new when a person clears a task that is not running.
        try_number: the try, from 1 and going on over generations; a job belongs to the last try that took it.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    generation: int = 0
    try_number: int = 1

    @property
    def is_first_try(self) -> bool:
        """Whether no earlier try of this generation can have left a job behind."""
        return self.try_number <= self.generation + 1

    @property
    def key(self) -> str:
        """A short text that no other task instance has; the same for all its generations."""
        parts = [self.deployment, self.dag_id, self.run_id, self.task_id, self.map_index]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    def labels(self) -> dict[str, str]:
        """Return the labels of a job of this attempt: the key, and readable copies for people."""
        return {
            KEY_LABEL: self.key,
            GENERATION_LABEL: str(self.generation),
            TRY_LABEL: str(self.try_number),
            DEPLOYMENT_LABEL: readable(self.deployment),
            "airflow.dag_id": readable(self.dag_id),
            "airflow.run_id": readable(self.run_id),
            "airflow.task_id": readable(self.task_id),
            "airflow.map_index": str(self.map_index),
        }

    def filter(self) -> dict[str, str]:
        """Return the labels that find this task instance's jobs of all generations."""
        return {KEY_LABEL: self.key}


@dataclass(frozen=True)
class AdoptionPlan:
    """What an attempt does about the jobs it found.

    Attributes:
        adopt: the job to take as its own; None to submit a new one.
        stop: ids of jobs to stop first.
        superseded_by: job of a newer generation: a person has cleared the task since, and this attempt is over.
    """

    adopt: JobSnapshot | None = None
    stop: tuple[str, ...] = ()
    superseded_by: JobSnapshot | None = None


def plan_adoption(owner: JobOwner, jobs: Iterable[JobSnapshot], appeared: Collection[str] = ()) -> AdoptionPlan:
    """Decide: adopt this generation's active or succeeded job, stop older generations' active ones.

    A dead copy of an attempt that comes to life again after the task was cleared finds a newer generation's job; it
    must neither submit one of its own nor touch that one, only stop what it left behind.

    A job that is being stopped is left to its end. A succeeded one is adopted by a later try only: found by the first
    try of a generation, it is of a deleted run of the same id, unless it has appeared since this attempt began.

    When several jobs of this generation qualify, a succeeded one wins, then the oldest, so that two live copies of
    one attempt choose the same; the others that are active are stopped.

    Args:
        owner: the attempt.
        jobs: the jobs that carry its key, of all generations.
        appeared: ids of jobs that were not there when the attempt looked for the first time.
    """
    own = [job for job in jobs if job.labels.get(KEY_LABEL) == owner.key]
    newer = [job for job in own if label_number(job, GENERATION_LABEL) > owner.generation]
    if newer:
        left = [job for job in own if job not in newer and not job.is_terminal]
        return AdoptionPlan(stop=tuple(job.job_id for job in left), superseded_by=newer[0])
    mine = [job for job in own if label_number(job, GENERATION_LABEL) == owner.generation]
    older = [job for job in own if label_number(job, GENERATION_LABEL) < owner.generation and not job.is_terminal]
    candidates = [
        job
        for job in mine
        if (job.is_success and (not owner.is_first_try or job.job_id in appeared))
        or (not job.is_terminal and STOPPING_LABEL not in job.labels)
    ]
    candidates.sort(key=lambda job: (not job.is_success, job.created, job.job_id))
    adopted = candidates[0] if candidates else None
    duplicates = [job for job in candidates[1:] if not job.is_terminal]
    return AdoptionPlan(adopted, tuple(job.job_id for job in (*older, *duplicates)))


def jobs_being_stopped(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """Return the active jobs of this generation that are being stopped; each may still succeed before it is."""
    return [
        job
        for job in jobs
        if job.labels.get(KEY_LABEL) == owner.key
        and label_number(job, GENERATION_LABEL) == owner.generation
        and STOPPING_LABEL in job.labels
        and not job.is_terminal
    ]


def jobs_to_stop(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """Return the active jobs that are this attempt's to stop: no later try has taken them."""
    return [
        job
        for job in jobs
        if job.labels.get(KEY_LABEL) == owner.key
        and label_number(job, GENERATION_LABEL) == owner.generation
        and label_number(job, TRY_LABEL) <= owner.try_number
        and not job.is_terminal
    ]


def label_number(job: JobSnapshot, label: str) -> int:
    """Return the number a label of a job holds; 0 when it holds none."""
    text = job.labels.get(label, "")
    return int(text) if text.isdecimal() else 0


def owner_of(job: JobSnapshot, deployment: str) -> JobOwner | None:
    """Return the attempt that a job's labels name.

    Args:
        job: a job.
        deployment: name of this Airflow deployment.

    Returns:
        None when the job is not this deployment's, or when a name was too long for a label.
    """
    dag_id, run_id, task_id = (job.labels.get(f"airflow.{name}", "") for name in ("dag_id", "run_id", "task_id"))
    index = job.labels.get("airflow.map_index", "")
    if not index.removeprefix("-").isdecimal():
        return None
    generation, tries = label_number(job, GENERATION_LABEL), label_number(job, TRY_LABEL)
    found = JobOwner(deployment, dag_id, run_id, task_id, int(index), generation, tries)
    return found if found.key == job.labels.get(KEY_LABEL) else None


def readable(text: str) -> str:
    """Cut to the longest value a label may have; ``=`` and ``,`` are PAI's own separators in filters."""
    cleaned = text.replace("=", "-").replace(",", "-")
    return cleaned.encode()[:LABEL_BYTES].decode("utf-8", "ignore")
