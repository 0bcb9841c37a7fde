"""Two Celery workers with separate homes: what runs over both, and what runs on one."""

from __future__ import annotations

from devtools.waits import wait_for
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


def test_source_code_is_read_on_the_worker_that_runs_the_task(celery: CeleryHarness) -> None:
    api = celery.airflow.api
    api.wait_parsed("source_of_the_worker", timeout=PATIENCE)
    run = api.wait_run(api.trigger("source_of_the_worker"), timeout=PATIENCE)
    assert run.state == "success"
    number = int(api.xcom(run.task("train"), "metrics")["worker"])
    assert celery.worker_of(run) == f"worker-{number}"


def test_a_deferred_task_needs_no_worker_until_its_job_has_ended(celery: CeleryHarness) -> None:
    task_run = celery.start("deferred", "sleep 20")
    task_run.wait("deferred")
    with celery.without(celery.worker_of(task_run.run)):
        task_run.assert_succeeded_with("Succeed")


def test_the_job_of_a_killed_worker_is_taken_over_on_the_other(celery: CeleryHarness) -> None:
    task_run = celery.start("sync_retried", "sleep 60", "exit 1")
    task_run.wait_statuses("Running", timeout=PATIENCE)
    killed = celery.worker_of(task_run.run)
    with celery.without(killed):
        task_run.assert_succeeded_with("Succeed")
        assert task_run.now.try_number == 2
        assert celery.worker_of(task_run.run, try_number=2) != killed


def test_a_job_in_local_mode_begins_anew_on_the_other_worker(celery: CeleryHarness) -> None:
    api = celery.airflow.api
    api.wait_parsed("local_retried", timeout=PATIENCE)
    run = api.trigger("local_retried")
    killed = celery.worker_of(run)
    log = next((celery.folder / killed / "logs").rglob(f"*{run.run_id}/task_id=train/attempt=1.log"))
    wait_for(log.read_text, lambda text: "Running at" in text, "the job to run")
    with celery.without(killed):
        assert api.wait_run(run, timeout=2 * PATIENCE).state == "success"
        other = celery.worker_of(run, try_number=2)
        assert other != killed
        assert api.xcom(run.task("train"))["model_uri"].startswith(str(celery.folder / other))
