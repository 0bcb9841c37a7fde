"""A page shows the job of its task, and jobs of its task's DAG; never another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pai.model.monitor.relation import JobRelation, TaskPlace, relation_of, try_of
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.status import JobSnapshot

PLACE = TaskPlace("dag", "run=1,2", "task", 3, "c0ffee", 2)


def job_of(place: TaskPlace) -> JobSnapshot:
    owner = JobOwner(
        "air",
        place.dag_id,
        place.run_id,
        place.task_id,
        place.map_index,
        region_id=place.region_id,
        region_index=place.region_index,
        try_number=4,
    )
    return JobSnapshot("train1", "Running", labels=owner.labels())


def test_a_job_is_a_tasks_own_only_by_all_its_names() -> None:
    assert relation_of(job_of(PLACE), PLACE) is JobRelation.OWN
    assert try_of(job_of(PLACE)) == 4


@pytest.mark.parametrize(
    "other", [{"run_id": "run-1-2"}, {"task_id": "b"}, {"map_index": -1}, {"region_id": "tea"}, {"region_index": 1}]
)
def test_a_job_of_another_task_of_the_dag_is_not_its_own(other: dict[str, object]) -> None:
    assert relation_of(job_of(PLACE), replace(PLACE, **other)) is JobRelation.SAME_DAG  # type: ignore[arg-type]


def test_a_job_outside_of_loops_is_none_of_an_iteration() -> None:
    plain = TaskPlace("dag", "run", "task")
    assert relation_of(job_of(plain), plain) is JobRelation.OWN
    assert relation_of(job_of(plain), replace(plain, region_id="c0ffee", region_index=0)) is JobRelation.SAME_DAG


def test_a_job_of_another_dag_or_of_none_is_not_shown() -> None:
    assert relation_of(job_of(PLACE), replace(PLACE, dag_id="other")) is JobRelation.OTHER
    for labels in ({}, {"airflow.dag_id": "dag-1", "airflow.names": "no base64 of JSON!"}):
        job = JobSnapshot("train1", "Running", labels=labels)
        assert relation_of(job, TaskPlace("dag-1", "", "")) is JobRelation.OTHER
        assert relation_of(job, TaskPlace("", "", "")) is JobRelation.OTHER
