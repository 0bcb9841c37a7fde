"""Two Celery workers with separate homes: what runs over both, and what runs on one."""

from __future__ import annotations

from tests.faults.celery.conftest import CeleryHarness
from tests.faults.cluster import PATIENCE


def test_an_example_runs_over_two_workers_that_share_only_the_dags(celery: CeleryHarness) -> None:
    api = celery.airflow.api
    api.wait_parsed("train_evaluate", timeout=PATIENCE)
    run = api.wait_run(api.trigger("train_evaluate"), timeout=2 * PATIENCE)
    assert run.state == "success", {task.ref.task_id: task.state for task in api.task_instances(run)}
    assert api.xcom(run.task("train"))["metrics"]["validation_accuracy"] > 0.9


def test_a_job_in_local_mode_runs_on_the_worker_of_its_task(celery: CeleryHarness) -> None:
    api = celery.airflow.api
    api.wait_parsed("local_mode", timeout=PATIENCE)
    run = api.wait_run(api.trigger("local_mode"), timeout=PATIENCE)
    assert run.state == "success"
    worker = celery.worker_of(run)
    assert str(celery.folder / worker) in api.xcom(run.task("train"))["model_uri"]
