"""Which task attempt a job belongs to, and what to do about the jobs an attempt finds.

PAI's create call has no client token, so ownership is carried by labels of the job.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_pai.model.training.owner_labels import exact_names, read_names, readable
from airflow_provider_pai.model.training.status import JobSnapshot, moment

KEY_LABEL = "airflow.key"
MAX_TRIES_LABEL = "airflow.max_tries"
"""The generation: Airflow keeps the number in its database, and no edit of the DAG file changes it."""
GENERATION_LABEL = "airflow.generation"
"""``max_tries - retries``, the generation as earlier versions of this package wrote and read it. An edit of ``retries``
changes it, so it decides only about jobs that have nothing better."""
TRY_LABEL = "airflow.try"
STOPPING_LABEL = "airflow.stopping"
"""Put on a job before it is stopped: PAI's stop takes its time, and meanwhile the job must not be adopted."""
STOPPING, STOP_REFUSED = "true", "refused"
"""Values of the label. The second: the stop was refused for so long that the job is adopted again."""
STOPPED_BY_LABEL = "airflow.stopped_by"
"""On a job that a person has stopped from Airflow: the name of the user."""
DETACHED_LABEL = "airflow.detached"
"""On a job that may outlive its task: the task doesn't wait for it, or leaves it when it is killed."""
DEPLOYMENT_LABEL = "airflow.deployment"
SHARED_NAME = "airflow"
"""What earlier versions called every environment without a base URL: a job under it may be that of another one."""
LOOK_BACK = timedelta(days=30)
"""How far back a task looks for a job of its own; no job should run longer, or its task would not find it."""


@dataclass(frozen=True)
class JobOwner:
    """The task attempt that wants a job.

    Attributes:
        deployment: name of the Airflow environment; keeps two that share a workspace apart.
        dag_id: the DAG.
        run_id: the DAG run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
        region_id: the loop (Airflow 3.4) that the task is in; empty outside of loops.
        region_index: the pass of the loop; -1 outside of loops.
        max_tries: Airflow's number of that name: constant over automatic retries, another one when a person clears a
            task that is not running.
        retries: the task's number of retries as the DAG file has it now; it only serves to read what versions before
            0.2 wrote.
        try_number: the try, from 1 and going on over generations; a job belongs to the last try that took it.
        started: when the try began; None when that is unknown.
        former: names that the environment had before, under which it may still have jobs.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    region_id: str = ""
    region_index: int = -1
    max_tries: int = 0
    retries: int = 0
    try_number: int = 1
    started: datetime | None = None
    former: tuple[str, ...] = ()

    @property
    def is_first_try(self) -> bool:
        """Whether no earlier try of the task can have left a job behind."""
        return self.try_number <= 1

    @property
    def may_be_cleared(self) -> bool:
        """Whether this may be the first try after a clear that left ``max_tries`` as it was.

        A clear makes ``max_tries`` the tries used plus the ``retries`` of the file. When these were lowered by as many
        as were used, that is the number of before, and no number of Airflow's tells this try from an automatic retry:
        the run's ``clear_number`` grows when any of its tasks is cleared. It only makes a warning.
        """
        return not self.is_first_try and self.max_tries - self.try_number + 1 == self.retries

    @property
    def region(self) -> tuple[str, int] | tuple[()]:
        """Loop and pass; nothing outside of loops."""
        return (self.region_id, self.region_index) if self.region_id else ()

    @property
    def key(self) -> str:
        """A short text that no other task instance has; the same for all its generations."""
        return self._key(self.deployment)

    @property
    def task_key(self) -> str:
        """A key that the environment's name does not enter, so that it outlives a change of it."""
        return self._key("")

    @property
    def former_keys(self) -> tuple[str, ...]:
        """The keys under the environment's former names."""
        return tuple(self._key(name) for name in self.former)

    @property
    def generation(self) -> int:
        """The generation as earlier versions counted it."""
        return max(0, self.max_tries - self.retries)

    def owns(self, job: JobSnapshot) -> bool:
        """Whether a job is of this task instance, of any of its generations."""
        return job.labels.get(KEY_LABEL) in (self.key, *self.former_keys)

    def may_stop(self, job: JobSnapshot) -> bool:
        """Whether a job is certainly this environment's."""
        shared = self._key(SHARED_NAME) if SHARED_NAME in self.former else None
        return job.labels.get(KEY_LABEL) != shared

    def is_of_generation(self, job: JobSnapshot) -> bool:
        """Whether a job of this task instance is of this attempt's generation."""
        if MAX_TRIES_LABEL in job.labels:
            return label_number(job, MAX_TRIES_LABEL) == self.max_tries
        return label_number(job, GENERATION_LABEL) == self.generation

    def labels(self) -> dict[str, str]:
        """Return the labels of a job of this attempt: the key, and readable copies for people."""
        return {
            **self.claim(),
            GENERATION_LABEL: str(self.generation),
            "airflow.dag_id": readable(self.dag_id),
            "airflow.run_id": readable(self.run_id),
            "airflow.task_id": readable(self.task_id),
            "airflow.map_index": str(self.map_index),
            **self._region_labels(),
            **exact_names([self.dag_id, self.run_id, self.task_id]),
        }

    def claim(self) -> dict[str, str]:
        """Return the labels by which an attempt takes a job: one of a former name is found under the new one then."""
        return {
            KEY_LABEL: self.key,
            MAX_TRIES_LABEL: str(self.max_tries),
            TRY_LABEL: str(self.try_number),
            DEPLOYMENT_LABEL: readable(self.deployment),
        }

    def filters(self) -> list[Mapping[str, str]]:
        """Return the labels that find this task instance's jobs of all generations, the likeliest first."""
        return [{KEY_LABEL: key} for key in (self.key, *self.former_keys)]

    def _key(self, deployment: str) -> str:
        parts = [deployment, self.dag_id, self.run_id, self.task_id, self.map_index, *self.region]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    def _region_labels(self) -> dict[str, str]:
        if not self.region_id:
            return {}
        return {"airflow.region_id": readable(self.region_id), "airflow.region_index": str(self.region_index)}


@dataclass(frozen=True)
class AdoptionPlan:
    """What an attempt does about the jobs it found.

    Attributes:
        adopt: the job to take as its own; None to submit a new one.
        stop: ids of jobs to stop first.
        superseded_by: job of a newer generation: a person has cleared the task since, and this attempt is superseded.
    """

    adopt: JobSnapshot | None = None
    stop: tuple[str, ...] = ()
    superseded_by: JobSnapshot | None = None


def plan_adoption(owner: JobOwner, jobs: Iterable[JobSnapshot], appeared: Collection[str] = ()) -> AdoptionPlan:
    """Decide: adopt this generation's active or succeeded job, stop older generations' active ones.

    Of two generations the newer one is that of the later try: ``max_tries`` only tells them apart, since it can fall
    when ``retries`` was lowered before a clear.

    A dead copy of an attempt that comes to life again after the task was cleared finds a newer generation's job; it
    must neither submit one of its own nor touch that one, only stop what it left behind.

    A job that is being stopped is left to its end. The first try of a task adopts no job that is older than itself: it
    is of a deleted run of the same id, and stopped when it still runs. A succeeded one that has no age is none of its
    own either, unless it has appeared since this attempt began.

    When several jobs of this generation qualify, a succeeded one wins, then the oldest, so that two live copies of
    one attempt choose the same; the others that are active are stopped.

    Args:
        owner: the attempt.
        jobs: the jobs that carry its key, of all generations.
        appeared: ids of jobs that were not there when the attempt looked for the first time.
    """
    own = [job for job in jobs if owner.owns(job)]
    newer = [job for job in own if not owner.is_of_generation(job) and label_number(job, TRY_LABEL) > owner.try_number]
    if newer:
        left = [job for job in own if job not in newer]
        return AdoptionPlan(stop=_ids_to_stop(owner, left), superseded_by=newer[0])
    foreign = [job for job in own if not owner.is_of_generation(job) or _is_older(job, owner, appeared)]
    candidates = [job for job in own if job not in foreign and _is_candidate(job, owner, appeared)]
    candidates.sort(key=lambda job: (not job.is_success, job.created, job.job_id))
    adopted = candidates[0] if candidates else None
    return AdoptionPlan(adopted, _ids_to_stop(owner, [*foreign, *candidates[1:]]))


def _ids_to_stop(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> tuple[str, ...]:
    return tuple(job.job_id for job in jobs if not job.is_terminal and owner.may_stop(job))


def _is_older(job: JobSnapshot, owner: JobOwner, appeared: Collection[str]) -> bool:
    """Whether a job is older than the first try of its task."""
    created = moment(job.created)
    if not owner.is_first_try or owner.started is None or created is None or job.job_id in appeared:
        return False
    return created < owner.started


def _is_candidate(job: JobSnapshot, owner: JobOwner, appeared: Collection[str]) -> bool:
    if job.is_success:
        return not owner.is_first_try or job.job_id in appeared
    return not job.is_terminal and not is_being_stopped(job)


def is_being_stopped(job: JobSnapshot) -> bool:
    """Whether Airflow has asked for a job's end."""
    return job.labels.get(STOPPING_LABEL, STOP_REFUSED) != STOP_REFUSED


def jobs_being_stopped(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """Return the active jobs of this generation that are being stopped; each may still succeed before it is."""
    return [job for job in _active_of_generation(owner, jobs) if is_being_stopped(job)]


def jobs_to_stop(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """Return the active jobs that are this attempt's to stop: no later try has taken them."""
    return [job for job in _active_of_generation(owner, jobs) if label_number(job, TRY_LABEL) <= owner.try_number]


def shows_try_before(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> bool:
    """Whether the try before this one has a job among these, so that the list does not lag behind it."""
    return any(owner.owns(job) and label_number(job, TRY_LABEL) >= owner.try_number - 1 for job in jobs)


def _active_of_generation(owner: JobOwner, jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    return [job for job in jobs if owner.owns(job) and owner.is_of_generation(job) and not job.is_terminal]


def label_number(job: JobSnapshot, label: str) -> int:
    """Return the number a label of a job holds; 0 when it holds none."""
    text = job.labels.get(label, "")
    return int(text) if text.isdecimal() else 0


def owner_of(job: JobSnapshot, deployment: str) -> JobOwner | None:
    """Return the attempt that a job's labels name.

    Args:
        job: a job.
        deployment: name of this Airflow environment.

    Returns:
        None when the job is not this environment's, or when its labels don't tell its task in full.
    """
    labels = job.labels
    index, region_index = labels.get("airflow.map_index", ""), labels.get("airflow.region_index", "-1")
    names = read_names(labels)
    if names is None or not _is_whole(index) or not _is_whole(region_index):
        return None
    found = JobOwner(
        deployment,
        *names,
        map_index=int(index),
        region_id=labels.get("airflow.region_id", ""),
        region_index=int(region_index),
        max_tries=label_number(job, MAX_TRIES_LABEL),
        try_number=label_number(job, TRY_LABEL),
    )
    return found if found.key == labels.get(KEY_LABEL) else None


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
