"""The Training tab tells the truth of tasks that the workers and the triggerer of a real Airflow run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from devtools.cluster import AirflowCluster
from devtools.runs import DagRun, TaskRef
from devtools.waits import wait_for
from tests.faults.cluster import config_of
from tests.support.tab_client import TabClient

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = Path(__file__).parent / "training_tab"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI whose jobs see the test's folder."""
    with LocalPAI(tmp_path_factory.mktemp("pai"), slots=8, sandbox=Mode.PLAIN) as pai:
        yield pai


@dataclass
class Worked:
    """A run in a real Airflow, and its tab."""

    airflow: AirflowCluster
    run: DagRun
    tab: TabClient
    signs: Path

    def end(self, name: str, *, try_number: int = 1, how: str = "well") -> None:
        """Let a job end."""
        sign = self.signs / f"{try_number}-{name}"
        sign.with_suffix(".new").write_text(how)
        sign.with_suffix(".new").rename(sign)

    def watch(self, task: TaskRef, badge: str, **more: Any) -> dict[str, Any]:
        """Return what the tab shows when it shows this badge, and so of task and progress."""
        return self.tab.watch(task, lambda seen: seen["state"] == badge and holds(seen, more))


def holds(seen: dict[str, Any], wanted: dict[str, Any]) -> bool:
    found = {**seen["task"], "progress": (seen.get("progress") or {}).get("fraction")}
    return all(found[name] == value for name, value in wanted.items())


@pytest.fixture(scope="module")
def worked(cloud: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    signs, home = tmp_path_factory.mktemp("signs"), tmp_path_factory.mktemp("airflow")
    env = {
        "AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri,
        "AIRFLOW_CONN_PAI_OF_FUNCTION": cloud.ready.airflow_conn_uri,
        "TRAINING_TAB_SIGNS": str(signs),
    }
    settings = {"AIRFLOW__CORE__PARALLELISM": "8"}
    cache = REPOSITORY / ".demo" / "cache"
    with AirflowCluster(home, DAGS, env, settings=settings, template_dir=cache) as airflow:
        airflow.api.wait_parsed("worked")
        yield Worked(airflow, airflow.api.trigger("worked"), TabClient(airflow.url), signs)


@pytest.mark.parametrize(("task_id", "map_index"), [("in_worker", -1), ("mapped", 0), ("mapped", 1)])
def test_a_running_job_shows_its_progress_and_then_its_end(worked: Worked, task_id: str, map_index: int) -> None:
    task = worked.run.task(task_id, map_index)
    running = worked.watch(task, "running", progress=0.25)
    assert running["lines"][0].startswith("25% done (epoch 1/4)")
    assert [curve["last"] for curve in running["curves"]] == [0.5]
    assert any("Progress: 25%" in line for line in running["log"]["lines"])
    assert (running["task"]["state"], running["task"]["note"]) == ("running" if map_index < 0 else "deferred", "")
    assert running["stop"] is not None
    worked.end(f"{task_id}{map_index}" if map_index >= 0 else task_id)
    worked.airflow.api.wait_task(task, frozenset({"success"}))
    ended = worked.watch(task, "succeeded", progress=1.0, state="success")
    assert ended["job"]["id"] == running["job"]["id"] == worked.airflow.api.xcom(task, "job_id")
    assert [curve["last"] for curve in ended["curves"]] == [0.25]
    assert (ended["task"]["note"], ended["stop"]) == ("", None)


def test_a_failed_try_and_the_next_one_show_their_own_jobs(worked: Worked) -> None:
    task = worked.run.task("deferred")
    first = worked.watch(task, "running", progress=0.25)
    assert (first["task"]["state"], first["task"]["tries"]) == ("deferred", "Try 1 of 2")
    worked.end("deferred", how="fail")
    failed = worked.watch(task, "failed")
    assert "the data has no rows" in " ".join(failed["log"]["lines"])
    second = worked.watch(task, "running", progress=0.25)
    assert second["task"]["tries"] == "Try 2 of 2"
    assert second["job"]["id"] != first["job"]["id"]
    worked.end("deferred", try_number=2, how="fail")
    worked.airflow.api.wait_task(task, frozenset({"failed"}))
    ended = worked.watch(task, "failed", state="failed")
    assert ended["job"]["id"] == second["job"]["id"]
    assert "exit code 1" in " ".join(ended["lines"])
    assert ended["task"]["note"] == ""


def test_progress_is_seen_within_ten_seconds_after_it_was_reported(worked: Worked, cloud: LocalPAI) -> None:
    task = worked.run.task("submit")
    worked.watch(task, "running", progress=0.25)
    worked.end("submit")
    job_id, client = worked.tab.state(task)["job"]["id"], PAIClient(config_of(cloud))
    wait_for(lambda: client.send(get_training_job(job_id)).is_terminal, bool, "the job's end", interval=0.05)
    begun, asked, seen = time.monotonic(), 0.0, worked.tab.state(task)
    while (seen.get("progress") or {}).get("fraction") != 1.0:
        asked += seen["next_s"]
        time.sleep(seen["next_s"])
        seen = worked.tab.state(task)
    print(f"progress_seen_after_s: {time.monotonic() - begun:.1f}")
    # What a page waits between its looks: the rest is the machine's.
    assert asked <= 10


def test_a_sensor_shows_the_job_of_another_task_and_can_not_stop_it(worked: Worked) -> None:
    """Comes after the job has ended."""
    task = worked.run.task("watched")
    seen = worked.watch(task, "succeeded", state="success")
    assert seen["job"]["id"] == worked.airflow.api.xcom(worked.run.task("submit"), "job_id")
    assert re.match(r"This is the job of task submit in run .*, which this task waits for\.", seen["task"]["note"])
    assert worked.tab.stop(task, seen["job"]["id"]).status_code == 502


def test_the_job_that_a_function_trains_is_shown(worked: Worked) -> None:
    task = worked.run.task("function")
    running = worked.watch(task, "running", progress=0.25)
    assert (running["task"]["note"], bool(running["stop"])) == ("", True)
    worked.end("function")
    assert worked.airflow.api.wait_task(task).state == "success"
    ended = worked.watch(task, "succeeded", state="success")
    assert ended["job"]["id"] == running["job"]["id"]
    assert [curve["last"] for curve in ended["curves"]] == [worked.airflow.api.xcom(task)] == [0.25]


def test_a_job_on_the_worker_is_said_to_be_there(worked: Worked) -> None:
    task = worked.run.task("on_worker")
    assert worked.airflow.api.wait_task(task).state == "success"
    seen = worked.tab.state(task)
    assert (seen["state"], seen["headline"]) == ("none", "Runs on the worker")
    assert "tab Logs" in seen["lines"][0]
