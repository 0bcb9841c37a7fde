"""What happens to my job when the scheduler dies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.cluster import SCHEDULER_THRESHOLD, ClusterHarness, held

pytestmark = pytest.mark.cluster


def test_the_scheduler_is_killed_with_its_tasks(harness: ClusterHarness, tmp_path: Path) -> None:
    command = held(tmp_path / "go")
    waiting, deferred = (harness.start(dag_id, command).watched() for dag_id in ("sync_retried", "deferred_retried"))
    harness.airflow.kill("scheduler")
    # One that starts sooner does not take over what the dead one ran, and looks again after five minutes only.
    time.sleep(SCHEDULER_THRESHOLD + 1)
    harness.airflow.start_component("scheduler")
    harness.airflow.wait_ready("scheduler")
    waiting.wait("running", try_number=2)
    (tmp_path / "go").touch()
    for task_run in (waiting, deferred):
        task_run.assert_succeeded_with("Succeed")
    assert deferred.now.try_number == 1


def test_the_scheduler_is_restarted_while_the_task_is_deferred(harness: ClusterHarness, tmp_path: Path) -> None:
    task_run = harness.start("deferred", held(tmp_path / "go")).watched()
    harness.airflow.stop_component("scheduler")
    (tmp_path / "go").touch()
    harness.airflow.start_component("scheduler")
    harness.airflow.wait_ready("scheduler")
    task_run.assert_succeeded_with("Succeed")
