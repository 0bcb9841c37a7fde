"""What happens to my job when a person marks or clears its task."""

from __future__ import annotations

import pytest

from tests.faults.stage import Stage

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LONG = "echo begun; sleep 600"


@pytest.mark.parametrize("state", ["failed", "success"])
def test_the_task_is_marked_while_it_runs(stage: Stage, state: str) -> None:
    life = stage.start("sync", LONG).watched()
    life.mark(state)
    life.wait_statuses("Terminated")
    assert life.now.state == state


def test_the_task_is_marked_failed_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    life.mark("failed")
    life.wait_statuses("Terminated")
    assert life.wait_end() == "failed"


def test_the_task_is_marked_success_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    life.mark("success")
    life.wait_statuses("Terminated")
    assert life.wait_end() == "success"


def test_one_of_the_mapped_tasks_is_marked_failed_while_it_is_deferred(stage: Stage) -> None:
    marked, other = (life.watched() for life in stage.start("mapped", LONG).mapped(2))
    marked.mark("failed")
    marked.wait_statuses("Terminated")
    assert other.statuses == ["Running"]
    other.mark("failed")
    other.wait_statuses("Terminated")


def test_the_task_is_cleared_while_it_runs(stage: Stage) -> None:
    life = stage.start("sync", LONG).watched()
    life.clear()
    life.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    life.clear()
    life.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_after_it_has_succeeded(stage: Stage) -> None:
    life = stage.start("deferred", "true")
    life.assert_succeeded_with("Succeed")
    life.clear()
    life.wait("success", try_number=2)
    life.assert_succeeded_with("Succeed", "Succeed")


def test_the_dag_run_is_marked_failed_while_the_task_runs(stage: Stage) -> None:
    life = stage.start("sync", LONG).watched()
    life.mark_run("failed")
    life.wait_statuses("Terminated")


def test_the_dag_run_is_marked_failed_while_the_task_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    life.mark_run("failed")
    life.wait_statuses("Terminated")


def test_the_task_has_on_kill_leave_and_is_marked_failed_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("left", "echo begun; sleep 45").watched()
    life.mark("failed")
    life.wait_statuses("Succeed", timeout=120)
    assert life.now.state == "failed"


def test_the_task_does_not_wait_for_completion(stage: Stage) -> None:
    life = stage.start("submitted", LONG, connection="pai_detached")
    assert life.wait_end() == "success"
    assert stage.swept("pai_detached") == []
    assert life.statuses == ["Running"]
    assert life.result()["job_id"] == life.jobs[0].job_id
    life.stop()
