from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_pai.local.__main__ import NOT_RUNNING, SANDBOXES, main
from airflow_provider_pai.local.clock import system_time
from airflow_provider_pai.local.home import Home
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.jobs.table import lines
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.waits import PATIENCE

MEMBERS = {
    "api",
    "oss",
    "access_key_id",
    "access_key_secret",
    "region_id",
    "workspace_id",
    "bucket",
    "admin_token",
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


def admin(ready: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {ready['admin_token']}"}


def test_serve_prints_one_line_of_json_when_it_answers(serve: Start) -> None:
    process = serve("--sandbox", "none")
    ready = ready_line(process)
    assert ready.keys() == MEMBERS
    health = requests.get(ready["api"] + "/_local/health", headers=admin(ready), timeout=PATIENCE).json()
    assert health["mode"] == "plain"
    process.send_signal(signal.SIGTERM)
    rest, log = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    assert ready["api"] in log
    assert ready["access_key_secret"] not in log


def test_the_quota_of_a_server_is_chosen(serve: Start) -> None:
    ready = ready_line(serve("--sandbox", "none", "--quota", "2,0,4"))
    health = requests.get(ready["api"] + "/_local/health", headers=admin(ready), timeout=PATIENCE).json()
    assert health["quota"] == "quotalocalpai01: 2 CPU, 0 GPU, 4 GiB of memory"


@pytest.mark.parametrize("quota", ["2,0", "2,0,4,1", "2,0,4Gi", "-1,0,4", ""])
def test_a_quota_that_can_not_be_is_an_error_of_the_command_line(
    home: Path, quota: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--home", str(home), f"--quota={quota}"])
    assert f"{quota!r} is no quota" in capsys.readouterr().err


def test_the_sandboxes_are_called_the_same_on_the_command_line_in_messages_and_in_the_documentation() -> None:
    assert set(SANDBOXES) == {"auto", *Mode}
    page = (Path(__file__).parents[3] / "docs" / "local-pai.md").read_text()
    assert all(f"| {mode} " in page or f"| [{mode}](" in page for mode in Mode)


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return capsys.readouterr().out


def test_documentation_and_help_name_the_same_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[3]
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    lines = [line for page in pages for line in page.read_text().splitlines() if "pai-local " in line]
    used = re.findall(r"pai-local ([a-z]+)((?: [^`|)#\n]*)?)", "\n".join(lines))
    commands = set(re.findall(r"^    ([a-z]+) ", help_of(capsys), re.MULTILINE))
    assert {command for command, _ in used} == commands
    for command, rest in used:
        helped = help_of(capsys, command)
        asked = helped + "".join(help_of(capsys, command, each) for each in re.findall(r"^    ([a-z]+) ", helped, re.M))
        unknown = [option for option in re.findall(r"--[a-z-]+", rest) if option not in asked]
        assert not unknown, (command, rest)


def test_serve_takes_the_names_of_modes_that_messages_use(serve: Start) -> None:
    ready = ready_line(serve("--sandbox", "plain"))
    health = requests.get(ready["api"] + "/_local/health", headers=admin(ready), timeout=PATIENCE).json()
    assert health["mode"] == "plain"


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
    requests.post(
        ready["api"] + "/_local/faults", json={"operation": "*", "kind": "html"}, headers=admin(ready), timeout=PATIENCE
    )
    assert main(["reset", "--home", str(home)]) == 0
    assert requests.get(ready["api"] + "/_local/faults", headers=admin(ready), timeout=PATIENCE).json()["faults"] == []


def test_a_folder_with_other_files_is_no_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "jobs").mkdir()
    assert main(["serve", "--home", str(tmp_path)]) == 1
    assert f"--home: {tmp_path} holds other files; name a new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["jobs"]


def test_env_sets_the_connection_that_serve_printed(
    serve: Start, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env", "--home", str(home)]) == 1
    assert "pai-local serve --home" in capsys.readouterr().err
    ready = ready_line(serve())
    assert main(["env", "--home", str(home), "--conn-id", "my_pai"]) == 0
    command = f"{capsys.readouterr().out}printenv AIRFLOW_CONN_MY_PAI"
    output = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert output.strip() == ready["airflow_conn_uri"]


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
    expected = "pai-local: httpcore, starlette, uvicorn not installed; run: pip install 'airflow-provider-pai[local]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


@pytest.fixture
def odd_server() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """Answers with what is in the list: status and body."""
    answers: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("command", ["status", "reset"])
def test_a_server_that_starts_or_stops_is_one_clear_message(
    command: str, home: Path, capsys: pytest.CaptureFixture[str], odd_server: tuple[str, list[tuple[int, bytes]]]
) -> None:
    url, answers = odd_server
    answers += [(503, b"{}"), (200, b"<html>"), (200, b"[]")]
    taken = Home(home)
    for api in (None, "http://127.0.0.1:1", url, url, url):
        if api:
            taken.announce({"pid": 1, "api": api, "oss": api})
        assert main([command, "--home", str(home)]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert f"pai-local: the local PAI in {home} is starting or stopping; try again" in err
    taken.release()
    assert answers == []


def test_the_address_that_a_killed_server_left_is_not_trusted(home: Path) -> None:
    home.mkdir()
    (home / "address.json").write_text('{"pid": 1, "api": "http://127.0.0.1:1", "oss": ""}')
    taken = Home(home)
    assert not (home / "address.json").exists()
    taken.release()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("credentials.json", "", "is damaged"),
        ("credentials.json", "{", "is damaged"),
        ("credentials.json", "[]", "holds no access_key_id and access_key_secret"),
        ("credentials.json", '{"access_key_id": "x", "access_key_secret": ""}', "holds no access_key_id"),
        ("records.sqlite3", "no database, but long enough to look like one" * 100, "is damaged"),
        ("created.json", "[]", "is damaged"),
        ("created.json", '"yesterday"', "is damaged"),
        ("created.json", "[" * 100_000, "is damaged"),
        ("oss/index.sqlite3", "no database, but long enough to look like one" * 100, "can't be read"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "reset"])
def test_a_damaged_folder_is_one_clear_message(file: str, content: str, said: str, command: str, home: Path) -> None:
    (home / file).parent.mkdir(parents=True)
    (home / "lock").touch()
    (home / file).write_text(content)
    arguments = [sys.executable, "-m", "airflow_provider_pai.local", command, "--home", str(home)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("pai-local: ")
    assert str((home / file).parent if "/" in file else home / file) in line
    assert said in line


def test_a_python_that_jobs_can_not_run_is_one_clear_message(home: Path) -> None:
    code = (
        "import sys; sys._base_executable = '/bin/false'; from airflow_provider_pai.local.__main__ import main;"
        f"sys.exit(main(['serve', '--home', {str(home)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pai-local: /bin/false is no Python that can be run")
    assert done.stderr.count("\n") == 1


def test_a_damaged_job_stops_neither_serve_nor_status(
    home: Path, serve: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "jobs" / "train00000000001"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text("{}")
    (home / "lock").touch()
    process = serve("--sandbox", "none")
    ready_line(process)
    assert main(["status", "--home", str(home)]) == 0
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE)
    assert f"{folder / 'job.json'} can't be read" in log
    assert main(["status", "--home", str(home)]) == NOT_RUNNING
    assert capsys.readouterr().out.endswith("not running\nno training jobs\n")


@pytest.mark.parametrize("option", ["--port", "--oss-port"])
@pytest.mark.parametrize("port", ["70000", "65536", "-1", "http", "1.5"])
def test_a_port_that_is_none_is_explained(option: str, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--home", "x", f"{option}={port}"])
    assert ended.value.code == 2
    assert f"'{port}' is no port; it must be from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["serve"], ["fly"], ["serve", "--home", "x", "--sandbox", "docker"]])
def test_a_wrong_command_line_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: pai-local" in capsys.readouterr().err


def test_a_jobs_name_can_not_forge_lines_of_the_table() -> None:
    row = dict.fromkeys(("TrainingJobId", "Status", "GmtCreateTime", "ReasonMessage"), "x")
    assert len(lines([{**row, "TrainingJobName": "a\nb\x1b[2J"}])) == 2
