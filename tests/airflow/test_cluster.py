"""A real Airflow, started and ended by ``devtools``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from devtools import sessions
from devtools.cluster import AirflowCluster, ClusterError
from devtools.processes import Processes, free_ports
from devtools.rest import DagImportError
from devtools.waits import wait_for
from tests.support.waits import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster

DAGS = """
from __future__ import annotations

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, task

LATER = "{{ (ti.start_date + macros.timedelta(seconds=%s)).isoformat() }}"

with DAG("tiny", schedule=None):

    @task
    def answer() -> dict[str, object]:
        return {"answer": 42, "of": ["everything"]}

    DateTimeSensorAsync(task_id="wait", target_time=LATER % 2) >> answer()

with DAG("endless", schedule=None):
    DateTimeSensorAsync(task_id="wait", target_time=LATER % 36000)
"""

PARENT = """
import os, signal, sys, time
from pathlib import Path
from devtools.processes import Processes

# Who starts it in the background ignores it, and so would Python.
signal.signal(signal.SIGINT, signal.default_int_handler)
log = Path(sys.argv[1])
with Processes() as processes:
    child = processes.start("c", ["/bin/sh", "-c", "sleep 600 & exec sleep 600"], log=log, env=dict(os.environ))
    print(child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def template_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def dags_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "dags.py").write_text(DAGS)
    return folder


def test_a_dag_runs_in_a_real_airflow_which_leaves_no_process_behind(
    tmp_path: Path, dags_folder: Path, template_dir: Path
) -> None:
    begin = time.monotonic()
    with AirflowCluster(tmp_path / "home", dags_folder, template_dir=template_dir) as cluster:
        print(f"ready_cold_s: {time.monotonic() - begin:.1f}")
        leaders = [child.pid for child in cluster.children.values()]
        pids = sessions.members(leaders)
        cluster.api.wait_parsed("tiny")
        begin = time.monotonic()
        run = cluster.api.wait_run(cluster.api.trigger("tiny"))
        print(f"run_s: {time.monotonic() - begin:.1f}")
        assert run.state == "success", {task.ref: task.state for task in cluster.api.task_instances(run)}
        assert cluster.api.xcom(run.task("answer")) == {"answer": 42, "of": ["everything"]}
        assert set(cluster.api.xcom_keys(run.task("answer"))) == {"return_value", "answer", "of"}
        assert cluster.api.links(run.task("answer")) == {}
        assert "DEFERRED" in cluster.api.log(run.task("wait"))
        begin = time.monotonic()
    print(f"end_s: {time.monotonic() - begin:.1f}")
    assert set(leaders) < pids
    assert sessions.members(leaders, pids) == frozenset()


def test_a_component_can_be_killed_and_started_again_while_a_task_is_deferred(
    tmp_path: Path, dags_folder: Path, template_dir: Path
) -> None:
    (dags_folder / "broken.py").write_text("from airflow.sdk import DAG\nraise ValueError('broken on purpose')\n")
    begin = time.monotonic()
    with AirflowCluster(tmp_path / "home", dags_folder, template_dir=template_dir) as cluster:
        print(f"ready_from_template_s: {time.monotonic() - begin:.1f}")
        api = cluster.api
        api.wait_parsed("endless")
        run = api.trigger("endless")
        task = run.task("wait")
        api.wait_task(task, frozenset({"deferred"}))

        before = cluster.children["triggerer"].members()
        cluster.kill("triggerer")
        assert sessions.members((), before) == frozenset()
        cluster.start_component("triggerer")
        cluster.wait_ready("triggerer")

        api.set_state(task, "failed")
        assert api.wait_task(task).state == "failed"
        assert api.wait_run(run).state == "failed"
        api.clear(task)
        assert api.wait_task(task, frozenset({"deferred"}), try_number=2).try_number == 2

        with pytest.raises(DagImportError, match="broken on purpose"):
            api.wait_parsed("nowhere", grace=0)


def test_a_component_that_dies_is_named_with_the_end_of_its_log(
    tmp_path: Path, dags_folder: Path, template_dir: Path
) -> None:
    cluster = AirflowCluster(
        tmp_path / "home",
        dags_folder,
        template_dir=template_dir,
        settings={"AIRFLOW__CORE__EXECUTOR": "nowhere.NoExecutor"},
        components=["scheduler"],
    )
    with pytest.raises(ClusterError, match=r"(?s)^scheduler ended with exit code 1.*nowhere"), cluster:
        pass
    assert not cluster.children["scheduler"].members()


def test_no_setting_of_airflow_is_inherited_and_the_callers_win(
    tmp_path: Path, dags_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW__CORE__PARALLELISM", "AIRFLOW_CONN_OTHER", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "1")
    cluster = AirflowCluster(
        tmp_path / "home",
        dags_folder,
        {"AIRFLOW_CONN_MINE": "pai://"},
        settings={"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://elsewhere/"},
    )
    environment = cluster.home.environment(1, (2, 3))
    assert environment["AIRFLOW_CONN_MINE"] == "pai://"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://elsewhere/"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "4"
    assert not {"AIRFLOW_CONN_OTHER", "PYTHONDONTWRITEBYTECODE"} & environment.keys()


def test_secrets_belong_to_one_home_stay_the_same_there_and_are_for_its_owner_only(
    tmp_path: Path, dags_folder: Path
) -> None:
    def secrets(home: str) -> list[str]:
        environment = AirflowCluster(tmp_path / home, dags_folder).home.environment(1, (2, 3))
        return [value for name, value in environment.items() if name.endswith(("_SECRET", "SECRET_KEY", "FERNET_KEY"))]

    assert len(set(secrets("one"))) == 3
    assert secrets("one") == secrets("one")
    assert not set(secrets("one")) & set(secrets("two"))
    assert (tmp_path / "one" / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_children_end_when_their_parent_is_ended_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        session = int(parent.stdout.readline())
        try:
            wait_for(lambda: len(sessions.members([session])), lambda seen: seen == 2, "both sleepers")
            parent.send_signal(number)
            parent.wait(timeout=PATIENCE)
        finally:
            parent.kill()
    wait_for(lambda: sessions.members([session]), lambda left: not left, "no process to be left")


def test_a_child_that_ignores_sigterm_is_killed_after_the_patience_and_a_stalled_one_before(tmp_path: Path) -> None:
    with Processes() as processes:
        stubborn, stalled = (
            processes.start("c", ["/bin/sh", "-c", text], log=tmp_path / "log", env=dict(os.environ))
            for text in ("trap '' TERM; echo ready; while :; do sleep 0.1; done", "echo ready; sleep 600")
        )
        wait_for(stubborn.log_tail, lambda text: text.count("ready") == 2, "both to run")
        stalled.send(signal.SIGSTOP)
        assert stubborn.alive
        processes.end(stubborn, stalled, patience=1)
        assert (stubborn.returncode, stalled.returncode) == (-signal.SIGKILL, -signal.SIGTERM)


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
