from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_pai.local.__main__ import NOT_RUNNING, main
from airflow_provider_pai.local.clock import system_time
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.jobs.table import lines
from airflow_provider_pai.local.oss.objects import ObjectStore

PATIENCE = 30
MEMBERS = {
    "api",
    "oss",
    "access_key_id",
    "access_key_secret",
    "region_id",
    "workspace_id",
    "bucket",
    "airflow_conn_uri",
}

JOB = {
    "WorkspaceId": "12345",
    "TrainingJobName": "my job",
    "AlgorithmSpec": {"Command": ["sh", "-c", "true"], "Image": "pytorch:1", "JobType": "PyTorchJob"},
    "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
}

Process = subprocess.Popen[str]
Start = Callable[..., Process]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def serve(home: Path) -> Iterator[Start]:
    started: list[Process] = []

    def start(*more: str) -> Process:
        command = [sys.executable, "-m", "airflow_provider_pai.local", "serve", "--home", str(home), *more]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready_line(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    assert readable, "no line came"
    return dict(json.loads(process.stdout.readline()))


def test_serve_prints_one_line_of_json_when_it_answers(serve: Start) -> None:
    process = serve("--sandbox", "none")
    ready = ready_line(process)
    assert ready.keys() == MEMBERS
    health = requests.get(ready["api"] + "/_local/health", timeout=5).json()
    assert health["mode"] == "plain"
    process.send_signal(signal.SIGTERM)
    rest, log = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    assert ready["api"] in log
    assert ready["access_key_secret"] not in log


def test_serve_ends_on_sigint_as_well(serve: Start) -> None:
    process = serve("--sandbox", "none")
    ready_line(process)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in log


def test_a_second_serve_is_refused_and_status_and_reset_reach_the_first(
    serve: Start, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = ready_line(serve("--sandbox", "none"))
    second = serve()
    out, err = second.communicate(timeout=PATIENCE)
    assert (second.returncode, out) == (1, "")
    assert f"in use by another local PAI, which answers at {ready['api']}" in err
    assert main(["status", "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"running: PAI at {ready['api']}, OSS at {ready['oss']}")
    assert ready["access_key_secret"] not in shown
    requests.post(ready["api"] + "/_local/faults", json={"operation": "*", "kind": "html"}, timeout=5)
    assert main(["reset", "--home", str(home)]) == 0
    assert requests.get(ready["api"] + "/_local/faults", timeout=5).json()["faults"] == []


def test_a_killed_server_is_not_running(serve: Start, home: Path) -> None:
    process = serve("--sandbox", "none")
    ready_line(process)
    process.kill()
    process.wait()
    assert main(["status", "--home", str(home)]) == NOT_RUNNING


def test_status_shows_the_jobs_of_a_server_that_is_not_running(
    home: Path, serve: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    process = serve("--sandbox", "none")
    ready_line(process)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    store = JobStore(home, system_time)
    job_id = store.create(JOB)["TrainingJobId"]
    store.close()
    assert main(["status", "--home", str(home)]) == NOT_RUNNING
    not_running, head, row = capsys.readouterr().out.splitlines()
    assert not_running == "not running"
    assert head.split()[:2] == ["TrainingJobId", "Status"]
    assert row.split()[:2] == [job_id, "Creating"]


def test_reset_of_a_server_that_is_not_running_forgets_jobs_and_objects(home: Path, serve: Start) -> None:
    process = serve("--sandbox", "none")
    ready = ready_line(process)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    store = JobStore(home, system_time)
    store.create(JOB)
    store.close()
    with ObjectStore(home / "oss") as objects:
        objects.put(ready["bucket"], "left.txt", io.BytesIO(b"x"))
    assert main(["reset", "--home", str(home)]) == 0
    store = JobStore(home, system_time)
    assert store.all() == []
    store.close()
    with ObjectStore(home / "oss") as objects:
        assert [bucket.name for bucket in objects.buckets()] == [ready["bucket"]]
        assert objects.list_objects(ready["bucket"]).objects == ()
    assert json.loads((home / "credentials.json").read_text())["access_key_id"] == ready["access_key_id"]


@pytest.mark.parametrize("command", ["status", "reset"])
def test_a_folder_without_a_server_stays_as_it_is(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--home", str(tmp_path)]) != 0
    assert f"there is no local PAI in {tmp_path}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_one_clear_message(serve: Start, home: Path, tmp_path: Path) -> None:
    port = ready_line(serve("--sandbox", "none"))["api"].rpartition(":")[2]
    command = [sys.executable, "-m", "airflow_provider_pai.local", "serve", "--home", str(tmp_path / "other")]
    second = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (second.returncode, second.stdout) == (1, "")
    assert f"port {port} of 127.0.0.1 can't be used" in second.stderr
    assert "Traceback" not in second.stderr


def test_missing_packages_are_one_clear_message(tmp_path: Path) -> None:
    # An interpreter that finds this package and nothing that is installed beside it.
    package = Path(sys.modules[main.__module__].__file__ or "").parents[2]
    command = [sys.executable, "-S", "-m", "airflow_provider_pai.local", "serve", "--home", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    expected = "pai-local: starlette and uvicorn not installed; run: pip install 'airflow-provider-pai[local]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


@pytest.mark.parametrize("arguments", [[], ["serve"], ["fly"], ["serve", "--home", "x", "--sandbox", "docker"]])
def test_a_wrong_command_line_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: pai-local" in capsys.readouterr().err


def test_a_jobs_name_can_not_forge_lines_of_the_table() -> None:
    row = dict.fromkeys(("TrainingJobId", "Status", "GmtCreateTime", "ReasonMessage"), "x")
    assert len(lines([{**row, "TrainingJobName": "a\nb\x1b[2J"}])) == 2
