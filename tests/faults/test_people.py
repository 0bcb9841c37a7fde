"""What happens to my job when a person marks or clears its task."""

from __future__ import annotations

import time

import pytest

from tests.faults.cluster import GRACE, ClusterHarness, held

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LONG = "echo begun; sleep 600"


@pytest.mark.parametrize("state", ["failed", "success"])
def test_the_task_is_marked_while_it_runs(harness: ClusterHarness, state: str) -> None:
    task_run = harness.start("sync", LONG).watched()
    task_run.mark(state)
    task_run.wait_statuses("Terminated")
    assert task_run.now.state == state


def test_the_task_is_marked_failed_while_it_is_deferred(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred", LONG).watched()
    task_run.mark("failed")
    task_run.wait_statuses("Terminated")
    assert task_run.wait_end() == "failed"


def test_the_task_is_marked_success_while_it_is_deferred(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred", LONG).watched()
    task_run.mark("success")
    task_run.wait_statuses("Terminated")
    assert task_run.wait_end() == "success"


def test_one_of_the_mapped_tasks_is_marked_failed_while_it_is_deferred(harness: ClusterHarness) -> None:
    marked, other = (task_run.watched() for task_run in harness.start("mapped", LONG).mapped(2))
    marked.mark("failed")
    marked.wait_statuses("Terminated")
    assert other.statuses == ["Running"]
    other.mark("failed")
    other.wait_statuses("Terminated")


def test_the_task_is_cleared_while_it_runs(harness: ClusterHarness) -> None:
    task_run = harness.start("sync", LONG).watched()
    task_run.clear()
    task_run.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_while_it_is_deferred(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred", LONG).watched()
    task_run.clear()
    task_run.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_after_it_has_succeeded(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred", "true")
    task_run.assert_succeeded_with("Succeed")
    task_run.clear()
    task_run.wait("success", try_number=2)
    task_run.assert_succeeded_with("Succeed", "Succeed")


def test_the_dag_run_is_marked_failed_while_the_task_runs(harness: ClusterHarness) -> None:
    task_run = harness.start("sync", LONG).watched()
    task_run.mark_run("failed")
    task_run.wait_statuses("Terminated")


def test_the_dag_run_is_marked_failed_while_the_task_is_deferred(harness: ClusterHarness) -> None:
    task_run = harness.start("deferred", LONG).watched()
    task_run.mark_run("failed")
    task_run.wait_statuses("Terminated")


def test_the_task_has_on_kill_leave_and_is_marked_failed_while_it_is_deferred(harness: ClusterHarness) -> None:
    gate = harness.new_gate()
    task_run = harness.start("left", held(gate)).watched()
    task_run.mark("failed")
    assert task_run.wait_end() == "failed"
    time.sleep(GRACE)
    assert task_run.statuses == ["Running"]
    gate.touch()
    task_run.wait_statuses("Succeed")
    assert task_run.now.state == "failed"


def test_the_task_does_not_wait_for_completion(harness: ClusterHarness) -> None:
    task_run = harness.start("submitted", LONG, connection="pai_detached")
    assert task_run.wait_end() == "success"
    assert harness.swept("pai_detached") == []
    assert task_run.statuses == ["Running"]
    assert task_run.result()["job_id"] == task_run.jobs[0].job_id
    task_run.stop()
