"""What happens to my job when a person marks or clears its task."""

from __future__ import annotations

import pytest

from tests.faults.stage import Stage

pytestmark = [pytest.mark.cluster, pytest.mark.together]

LONG = "echo begun; sleep 600"


@pytest.mark.parametrize("state", ["failed", "success"])
def test_the_task_is_marked_while_it_runs(stage: Stage, state: str) -> None:
    life = stage.start("sync", LONG).watched()
    stage.airflow.api.set_state(life.task, state)
    life.wait_statuses("Terminated")
    assert life.now.state == state


def test_the_task_is_marked_failed_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    stage.airflow.api.set_state(life.task, "failed")
    life.wait_statuses("Terminated")
    assert life.wait_end() == "failed"


def test_the_task_is_marked_success_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    stage.airflow.api.set_state(life.task, "success")
    life.wait_statuses("Terminated")
    assert life.wait_end() == "success"


def test_the_task_is_cleared_while_it_runs(stage: Stage) -> None:
    life = stage.start("sync", LONG).watched()
    stage.airflow.api.clear(life.task)
    life.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    stage.airflow.api.clear(life.task)
    life.assert_succeeded_with("Terminated", "Succeed")


def test_the_task_is_cleared_after_it_has_succeeded(stage: Stage) -> None:
    life = stage.start("deferred", "true")
    life.assert_succeeded_with("Succeed")
    stage.airflow.api.clear(life.task)
    life.wait("success", try_number=2)
    life.assert_succeeded_with("Succeed", "Succeed")


def test_the_dag_run_is_marked_failed_while_the_task_runs(stage: Stage) -> None:
    life = stage.start("sync", LONG).watched()
    stage.airflow.api.set_run_state(life.run, "failed")
    life.wait_statuses("Terminated")


def test_the_dag_run_is_marked_failed_while_the_task_is_deferred(stage: Stage) -> None:
    life = stage.start("deferred", LONG).watched()
    stage.airflow.api.set_run_state(life.run, "failed")
    life.wait_statuses("Terminated")


def test_the_task_has_on_kill_leave_and_is_marked_failed_while_it_is_deferred(stage: Stage) -> None:
    life = stage.start("left", "echo begun; sleep 45").watched()
    stage.airflow.api.set_state(life.task, "failed")
    life.wait_statuses("Succeed", timeout=120)
    assert life.now.state == "failed"


def test_the_task_does_not_wait_for_completion(stage: Stage) -> None:
    life = stage.start("submitted", LONG, connection="pai_detached")
    assert life.wait_end() == "success"
    assert stage.swept("pai_detached") == []
    assert life.statuses == ["Running"]
    assert life.result()["job_id"] == life.jobs[0].job_id
    life.stop()
