"""Two Celery workers: what becomes of a job when the worker that began it is gone."""

from __future__ import annotations

from tests.faults.celery.conftest import CeleryHarness
from tests.faults.cluster import PATIENCE


def test_an_example_runs_over_two_workers_that_share_only_the_dags(both_workers: CeleryHarness) -> None:
    api = both_workers.airflow.api
    api.wait_parsed("train_evaluate", timeout=PATIENCE)
    run = api.wait_run(api.trigger("train_evaluate"), timeout=2 * PATIENCE)
    assert run.state == "success", {task.ref.task_id: task.state for task in api.task_instances(run)}
    assert api.xcom(run.task("train"))["metrics"]["validation_accuracy"] > 0.9


def test_a_job_in_local_mode_runs_on_the_worker_of_its_task(both_workers: CeleryHarness) -> None:
    api = both_workers.airflow.api
    api.wait_parsed("local_mode", timeout=PATIENCE)
    run = api.wait_run(api.trigger("local_mode"), timeout=PATIENCE)
    assert run.state == "success"
    worker = both_workers.worker_of(run)
    assert str(both_workers.folder / worker) in api.xcom(run.task("train"))["model_uri"]


def test_a_retry_on_another_worker_adopts_the_job_of_a_worker_that_is_gone(both_workers: CeleryHarness) -> None:
    task = both_workers.start("sync_retried", "echo begun; sleep 60", "echo begun; sleep 60")
    first = both_workers.worker_of(task.run)
    task.wait_statuses("Running", timeout=PATIENCE)
    both_workers.kill(first)
    task.assert_succeeded_with("Succeed")
    assert task.now.try_number > 1
    assert both_workers.worker_of(task.run, task.now.try_number) != first


def test_a_deferred_job_does_not_need_the_worker_that_submitted_it(both_workers: CeleryHarness) -> None:
    task = both_workers.start("deferred", "echo begun; sleep 20")
    first = both_workers.worker_of(task.run)
    task.wait("deferred")
    both_workers.kill(first)
    task.assert_succeeded_with("Succeed")
    assert task.now.try_number == 1
