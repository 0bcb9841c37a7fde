"""What happens to my job when PAI fails, or another person touches the job."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from airflow_provider_pai.api.training import delete_training_job
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.http.faults import ANY, Fault, FaultKind
from tests.faults.cluster import ClusterHarness, config_of, held

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LONG = "echo begun; sleep 600"


def test_pai_is_unreachable_for_a_while(harness: ClusterHarness) -> None:
    cloud = harness.clouds["pai_outage"]
    gate = harness.new_gate()
    task_runs = [harness.start(dag_id, held(gate), connection="pai_outage") for dag_id in ("sync", "deferred")]
    for task_run in task_runs:
        task_run.watched()
    cloud.faults.add(Fault(ANY, FaultKind.DROP_BEFORE, times=1_000_000))
    for task_run in task_runs:
        task_run.wait_logged("PAI gives no usable answer")
    cloud.faults.clear()
    sync = task_runs[0]
    # A triggerer that takes over meanwhile knows of no outage before, and says nothing of its end.
    sync.wait_logged("PAI answers again")
    gate.touch()
    for task_run in task_runs:
        task_run.assert_succeeded_with("Succeed")
        assert task_run.now.try_number == 1
    # On a busy machine there may be more than one outage; each has its end.
    assert sync.log().count("PAI gives no usable answer") == sync.log().count("PAI answers again")


@pytest.mark.parametrize("dag_id", ["sync_retried", "deferred_retried"])
def test_the_job_is_stopped_in_pais_console(harness: ClusterHarness, dag_id: str) -> None:
    task_run = harness.start(dag_id, LONG).watched()
    task_run.stop()
    task_run.assert_succeeded_with("Terminated", "Succeed")
    assert "JobStoppedError" in task_run.log(1)


def test_the_job_is_deleted_in_pais_console(harness: ClusterHarness) -> None:
    task_runs = [
        harness.start(dag_id, LONG, connection="pai_deletion").watched()
        for dag_id in ("sync_retried", "deferred_retried")
    ]
    cloud = harness.clouds["pai_deletion"]
    # No task sees the job between its stop and its deletion: PAI deletes only what has ended.
    cloud.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, times=1_000_000))
    for task_run in task_runs:
        (job,) = task_run.jobs
        task_run.stop()
        task_run.wait_statuses("Terminated")
        PAIClient(config_of(cloud)).send(delete_training_job(job.job_id))
    cloud.faults.clear()
    for task_run in task_runs:
        task_run.assert_succeeded_with("Succeed")
        assert task_run.now.try_number == 2
        assert "NotFoundError" in task_run.log(1)


def test_the_token_of_the_connection_expires(harness: ClusterHarness) -> None:
    cloud = harness.clouds["pai_expiry"]
    dags = ("sync_retried", "deferred_retried")
    task_runs = [harness.start(dag_id, LONG, connection="pai_expiry").watched() for dag_id in dags]
    # A trigger that fires within seconds of its deferral can fail the task on 3.3.2, before ours is asked.
    time.sleep(10)
    cloud.clock.move_to(timedelta(hours=2))
    for task_run in task_runs:
        assert task_run.wait_end() == "failed"
        assert task_run.now.try_number == 1
        assert task_run.statuses == ["Running"], "with this token it could not be stopped"
    found = harness.swept("pai_expiry_renewed")
    assert sorted(orphan["job_id"] for orphan in found) == sorted(task_run.jobs[0].job_id for task_run in task_runs)
    for task_run in task_runs:
        task_run.wait_statuses("Terminated")
