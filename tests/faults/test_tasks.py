"""What happens to my job when its task's process dies, or its time is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from devtools.waits import wait_for
from tests.faults.cluster import ClusterHarness, TaskRun, held

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LONG = "echo begun; sleep 600"
SHORT = "echo begun; sleep 20"
HELD = 60.0


def asked(cloud: LocalPAI, operation: str) -> int:
    return cloud.faults.counts().get(operation, 0)


def await_true(what: str, seen: Callable[[], bool]) -> None:
    wait_for(seen, bool, what, interval=0.1)


def kill(task_run: TaskRun, number: signal.Signals = signal.SIGKILL) -> None:
    pid = task_run.now.pid
    assert pid is not None
    os.kill(pid, number)


def test_the_task_process_is_killed_before_the_create(harness: ClusterHarness) -> None:
    cloud = harness.clouds["pai_held_before"]
    cloud.faults.add(Fault("ListTrainingJobs", FaultKind.SLOW, delay_s=HELD))
    task_run = harness.start("sync_retried", SHORT, SHORT, connection="pai_held_before")
    await_true("the first look", lambda: asked(cloud, "ListTrainingJobs") > 0)
    kill(task_run)
    task_run.assert_succeeded_with("Succeed")
    assert asked(cloud, "CreateTrainingJob") == 1


def test_the_task_process_is_killed_in_the_middle_of_the_create(harness: ClusterHarness) -> None:
    cloud = harness.clouds["pai_held_during"]
    cloud.faults.add(Fault("CreateTrainingJob", FaultKind.SLOW, delay_s=2))
    task_run = harness.start("sync_retried", SHORT, SHORT, connection="pai_held_during")
    await_true("the create", lambda: asked(cloud, "CreateTrainingJob") > 0)
    kill(task_run)
    # Whether PAI carries out what it has half read, or has just done so: there is one job in any case.
    task_run.assert_succeeded_with("Succeed")


def test_the_task_process_is_killed_after_the_create_before_anybody_knows_of_the_job(harness: ClusterHarness) -> None:
    cloud = harness.clouds["pai_held_after"]
    cloud.faults.add(Fault("CreateTrainingJob", FaultKind.SLOW, delay_s=2))
    task_run = harness.start("sync_retried", SHORT, SHORT, connection="pai_held_after")
    await_true("the create", lambda: asked(cloud, "CreateTrainingJob") > 0)
    looks = asked(cloud, "ListTrainingJobs")
    cloud.faults.add(Fault("ListTrainingJobs", FaultKind.SLOW, delay_s=HELD))
    await_true("the look after the create", lambda: asked(cloud, "ListTrainingJobs") > looks)
    kill(task_run)
    task_run.assert_succeeded_with("Succeed")
    assert asked(cloud, "CreateTrainingJob") == 1


def test_the_task_process_is_killed_while_it_waits(harness: ClusterHarness) -> None:
    gate = harness.new_gate()
    task_run = harness.start("sync_retried", held(gate)).watched()
    kill(task_run)
    task_run.wait("running", try_number=2)
    gate.touch()
    task_run.assert_succeeded_with("Succeed")
    assert task_run.now.try_number >= 2


def test_the_task_process_is_killed_at_its_last_try(harness: ClusterHarness) -> None:
    task_run = harness.start("sync", LONG, connection="pai_last_try").watched()
    kill(task_run)
    assert task_run.wait_end() == "failed"
    assert task_run.statuses == ["Running"], "no process of ours is left"
    assert [orphan["job_id"] for orphan in harness.swept("pai_last_try")] == [task_run.jobs[0].job_id]
    task_run.wait_statuses("Terminated")


def test_the_task_process_gets_sigterm(harness: ClusterHarness) -> None:
    task_run = harness.start("sync_retried", LONG).watched()
    kill(task_run, signal.SIGTERM)
    task_run.wait_statuses("Terminated")
    task_run.assert_succeeded_with("Terminated", "Succeed")


def test_the_worker_is_killed_and_its_task_process_lives_on(harness: ClusterHarness) -> None:
    gate = harness.new_gate()
    task_run = harness.start("sync_retried", held(gate)).watched()
    copy = task_run.now.pid
    assert copy is not None
    os.kill(parent(copy), signal.SIGKILL)
    task_run.wait("running", try_number=2)
    gate.touch()
    task_run.assert_succeeded_with("Succeed")


def test_the_job_fails_and_the_task_is_retried(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred_retried", "exit 3")
    task_run.assert_succeeded_with("Failed", "Succeed")


def test_execution_timeout_passes_while_the_task_runs(harness: ClusterHarness) -> None:
    task_run = harness.start("sync_timeout", LONG)
    assert task_run.wait_end() == "failed"
    task_run.wait_statuses("Terminated")


def test_execution_timeout_passes_while_the_task_is_deferred(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred_timeout", LONG)
    assert task_run.wait_end() == "failed"
    # PAI was given the same limit, and either may be quicker.
    task_run.wait_ended()
    assert task_run.statuses in (["Terminated"], ["Failed"])
    assert "JobTimeoutError" in task_run.log() or "JobStoppedError" in task_run.log()


def test_the_deferral_times_out(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred_patient", LONG).watched()
    expire_deferral(harness, task_run)
    assert task_run.wait_end() == "failed"
    task_run.wait_statuses("Terminated")


def expire_deferral(harness: ClusterHarness, task_run: TaskRun) -> None:
    """What an hour without any triggerer makes of the deferral, without the hour."""
    engine = create_engine(harness.database)
    statement = "update task_instance set trigger_timeout = now() where run_id = :run and state = 'deferred'"
    with engine.begin() as connection:
        assert connection.execute(text(statement), {"run": task_run.run.run_id}).rowcount == 1
    engine.dispose()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
