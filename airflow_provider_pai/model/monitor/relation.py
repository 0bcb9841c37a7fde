"""Which task instance a job is of, as its labels say: a page shows no job that its reader may not see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_pai.model.training.owner_labels import read_names, readable
from airflow_provider_pai.model.training.ownership import TRY_LABEL, label_number
from airflow_provider_pai.model.training.status import JobSnapshot


class JobRelation(StrEnum):
    """How a job is related to a task instance."""

    OWN = "own"
    """It is the task instance's."""
    SAME_DAG = "same_dag"
    """It is another task instance's of the same DAG, such as one that a sensor waits for."""
    OTHER = "other"
    """It is of another DAG, or of none."""


@dataclass(frozen=True)
class TaskPlace:
    """Which task instance a page is about.

    Attributes:
        dag_id: its DAG.
        run_id: its run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
        region_id: the loop (Airflow 3.4) that it is in; empty outside of loops, or for the newest iteration.
        region_index: the loop's iteration, from 0; -1 outside of loops, or for the newest one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    region_id: str = ""
    region_index: int = -1


def relation_of(job: JobSnapshot, place: TaskPlace) -> JobRelation:
    """Return how a job is related to a task instance.

    A reader has rights for one DAG, and an XCom can name any job: only the job's own labels count.
    """
    names = read_names(job.labels)
    if not names or not names[0] or names[0] != place.dag_id:
        return JobRelation.OTHER
    labels = (job.labels.get("airflow.map_index"), job.labels.get("airflow.region_id", ""), _region_index(job))
    wanted = (str(place.map_index), readable(place.region_id), str(place.region_index))
    is_own = names == (place.dag_id, place.run_id, place.task_id) and labels == wanted
    return JobRelation.OWN if is_own else JobRelation.SAME_DAG


def try_of(job: JobSnapshot) -> int:
    """Return the last try that took the job; 0 when its labels do not tell."""
    return label_number(job, TRY_LABEL)


def _region_index(job: JobSnapshot) -> str:
    return job.labels.get("airflow.region_index", "-1")
