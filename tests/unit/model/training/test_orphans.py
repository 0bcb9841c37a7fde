from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_pai.model.training.orphans import find_orphans
from airflow_provider_pai.model.training.ownership import DETACHED_LABEL, STOPPING_LABEL, JobOwner
from airflow_provider_pai.model.training.status import JobSnapshot

BEFORE = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWNER = JobOwner("https://airflow.example", "dag", "manual__2026-01-01", "train", map_index=3, try_number=2)


def job(status: str = "Running", of: JobOwner = OWNER, **labels: str) -> JobSnapshot:
    return JobSnapshot("train1", status, created="2026-01-01T10:00:00Z", labels={**of.labels(), **labels})


def found(one: JobSnapshot, state: str | None = "failed") -> bool:
    orphans = find_orphans([one], OWNER.deployment, BEFORE, lambda *_: state)
    return bool(orphans)


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed", "gone"])
def test_an_active_job_of_a_task_that_is_over_is_an_orphan(state: str) -> None:
    (orphan,) = find_orphans([job()], OWNER.deployment, BEFORE, lambda *_: state)
    assert (orphan.owner, orphan.state, orphan.job.job_id) == (OWNER, state, "train1")


@pytest.mark.parametrize(
    "state", ["running", "deferred", "queued", "scheduled", "up_for_retry", "restarting", "something_new", None]
)
def test_a_task_that_may_still_look_after_its_job_keeps_it(state: str | None) -> None:
    assert not found(job(), state)


def test_airflow_is_asked_for_the_very_task_instance() -> None:
    asked = []
    find_orphans([job()], OWNER.deployment, BEFORE, lambda *names: asked.append(names))
    assert asked == [("dag", "manual__2026-01-01", "train", 3)]


@pytest.mark.parametrize("status", ["Succeed", "Failed", "Terminated", "CreateFailed", "InitializeFailed"])
def test_an_ended_job_is_no_orphan(status: str) -> None:
    assert not found(job(status))


def test_a_detached_job_is_no_orphan() -> None:
    assert not found(job(**{DETACHED_LABEL: "true"}))


def test_a_job_that_was_to_be_stopped_and_runs_on_is_an_orphan() -> None:
    assert found(job(**{STOPPING_LABEL: "true"}))


def test_a_young_job_and_one_of_unknown_age_are_not_judged() -> None:
    assert not found(replace(job(), created="2026-01-01T12:00:01Z"))
    assert not found(replace(job(), created=""))


def test_jobs_of_others_are_not_judged() -> None:
    assert not found(job(of=replace(OWNER, deployment="https://other.example")))
    assert not found(JobSnapshot("train1", "Running", created="2026-01-01T10:00:00Z"))


def test_a_task_with_names_too_long_for_a_label_is_asked_for_in_full() -> None:
    asked = []
    long = replace(OWNER, run_id="r" * 200, region_id="0198-loop", region_index=4)
    find_orphans([job(of=long)], OWNER.deployment, BEFORE, lambda *names: asked.append(names))
    assert asked == [("dag", "r" * 200, "train", 3, "0198-loop", 4)]
