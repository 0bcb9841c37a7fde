"""What the version before has left in Airflow's database and on jobs: rows of triggers, events, labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_pai.hooks.task_attempt import owner_of
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.arguments import checked_spec
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, training
from tests.support.triggerer import run_trigger

CLASS_PATH = "airflow_provider_pai.triggers.training.PAITrainingTrigger"


def row(job_id: str) -> dict[str, Any]:
    """The arguments in a trigger's row, as the version before wrote them."""
    return {"job_id": job_id, "poll_interval": 0.2, "outage_limit": 3600.0, "try_number": 1}


def event(job_id: str) -> dict[str, Any]:
    """A trigger's event with its snapshot, as the version before fired it."""
    snapshot = {
        "job_id": job_id, "status": "Succeed", "name": "train_20261101_000000", "workspace_id": "12345",
        "reason_code": "TrainingJobSucceed", "reason_message": "The training job has succeeded",
        "created": "2026-11-01T00:00:00Z", "duration_s": None, "labels": {"airflow.try": "1"},
        "outputs": {"model": "oss://bucket/elsewhere/model/"}, "image_uri": "", "code_uri": "", "metrics": {},
        "metric_regexes": {}, "progress": None, "remaining_s": None, "instance_count": 1, "instances": [],
        "failed_instances": [],
        "transitions": [
            {"status": "Running", "start": "2026-11-01T00:00:01Z", "end": "", "reason_code": "", "reason_message": ""}
        ],
    }  # fmt: skip
    shown = {"told": 5, "lines": {"": 1}}
    return {"job_id": job_id, "snapshot": snapshot, "error": None, "timeout": False, "shown": shown}


@pytest.fixture
def run_id() -> str:
    """A run of its own for each test: of two jobs of one task a retry adopts the one that has succeeded."""
    return f"before__{uuid4()}"


@pytest.fixture
def job_id(pai: LocalPAI, run_id: str) -> Iterator[str]:
    """A job that the version before has submitted for the first try of a task."""
    hook = PAITrainingHook()
    owner = owner_of(Attempt(run_id=run_id, max_tries=2), 2)
    spec = checked_spec({"command": "sleep 1", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"})
    labels = labels_before(owner)
    job_id = hook.submit_or_adopt(spec, owner, "train_20261101_000000")[0].job_id
    hook.label(job_id, labels)
    yield job_id
    hook.stop(job_id)


def labels_before(owner: JobOwner) -> dict[str, str]:
    return {"airflow.key": owner.key, "airflow.generation": "0", "airflow.try": "1"}


def test_a_row_of_the_version_before_is_run(pai: LocalPAI, job_id: str) -> None:
    class Deferred:
        trigger = PAITrainingTrigger(**row(job_id))

    found = run_trigger(Deferred())  # type: ignore[arg-type]
    assert (found["job_id"], found["status"], found["error"]) == (job_id, "Succeed", None)


def test_a_row_of_a_newer_version_is_run_too() -> None:
    trigger = PAITrainingTrigger(**row("train1"), colour="green")
    assert trigger.serialize() == (
        CLASS_PATH,
        {"job_id": "train1", "poll_interval": 0.2, "outage_limit": 3600.0, "try_number": 1},
    )


def test_an_event_of_the_version_before_resumes_its_task(pai: LocalPAI, run_id: str, job_id: str) -> None:
    attempt = Attempt(run_id=run_id, max_tries=2)
    value = training(retries=2).execute_complete(attempt.context, event(job_id))
    assert value["status"] == "Succeed"
    assert value["model_uri"] == PAITrainingHook().get(job_id).outputs["model"], "the job itself is read"


def test_a_job_of_the_version_before_is_adopted(pai: LocalPAI, run_id: str, job_id: str) -> None:
    retry = Attempt(run_id=run_id, max_tries=2).retried()
    value = training(command="sleep 1", retries=2).execute(retry.context)
    assert value["job_id"] == job_id
