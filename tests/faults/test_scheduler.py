"""What happens to my job when the scheduler dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.stage import Stage

pytestmark = pytest.mark.cluster


def test_the_scheduler_is_killed_with_its_tasks(stage: Stage, tmp_path: Path) -> None:
    command = f"echo begun; until [ -e {tmp_path / 'go'} ]; do sleep 0.5; done"
    waiting, deferred = (stage.start(dag_id, command).watched() for dag_id in ("sync_retried", "deferred_retried"))
    stage.airflow.kill("scheduler")
    stage.airflow.start_component("scheduler")
    stage.airflow.wait_ready("scheduler")
    waiting.wait("running", try_number=2)
    (tmp_path / "go").touch()
    for life in (waiting, deferred):
        life.assert_succeeded_with("Succeed")
    assert deferred.now.try_number == 1


def test_the_scheduler_is_restarted_while_the_task_is_deferred(stage: Stage, tmp_path: Path) -> None:
    life = stage.start("deferred", f"echo begun; until [ -e {tmp_path / 'go'} ]; do sleep 0.5; done").watched()
    stage.airflow.stop_component("scheduler")
    (tmp_path / "go").touch()
    stage.airflow.start_component("scheduler")
    stage.airflow.wait_ready("scheduler")
    life.assert_succeeded_with("Succeed")
