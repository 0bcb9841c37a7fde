"""What runs in a job or a service can't use the admin routes of the server that runs it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_pai.api import services, training
from airflow_provider_pai.local.home import read_admin_token
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.local.server import LocalPAI
from tests.integration.local.test_server import body, client_of, wait
from tests.support.docker_engine import DockerImage
from tests.support.eas_client import IMAGE as SERVICE_IMAGE
from tests.support.machine import missing
from tests.support.waits import PATIENCE

INTRUDER = """
import json, os, pathlib, urllib.error, urllib.request
api, home, other, hidden, own_network = {api!r}, {home!r}, {other!r}, {hidden!r}, {own_network!r}

def status(method, path, token=None, body=None):
    request = urllib.request.Request(api + "/_local/" + path, body and json.dumps(body).encode(), method=method)
    if token is not None:
        request.add_header("Authorization", "Bearer " + token)
    try:
        return urllib.request.urlopen(request, timeout=180).status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        assert isinstance(error.reason, ConnectionRefusedError), error
        return "refused"

sealed = "refused" if own_network else 401
found = [value for value in os.environ.values() if len(value) == 48]
for token in [None, "", "x", *found]:
    assert status("POST", "reset", token) == sealed, token
    assert status("POST", "clock", token, {{"offset_seconds": 3600}}) == sealed
    assert status("POST", "jobs/" + other + "/status", token, {{"Status": "Succeed"}}) == sealed
    assert status("GET", "jobs", token) == sealed
if hidden:
    secrets = {{"admin-token.json", "credentials.json", "address.json", "job.json", "service.json", "index.sqlite3"}}
    for top in ("/ml", home):
        seen = [str(path) for path in pathlib.Path(top).rglob("*") if path.name in secrets]
        assert not seen, seen
    # What the server itself, and all else that runs on this machine, was started with.
    lines = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert len(lines) < 20, lines
print("sealed", flush=True)
"""
SERVED_INTRUDER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            exec(compile({intruder!r}, "intruder", "exec"), {{}})
            text = "sealed"
        except BaseException as error:
            text = repr(error)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
http.server.ThreadingHTTPServer(("0.0.0.0", int(__import__("os").environ.get("PORT", 8000))), Handler).serve_forever()
"""


def server_in(home: Path, mode: Mode) -> LocalPAI:
    try:
        server = LocalPAI(home, sandbox=mode, slots=2)
        server.start()
    except RuntimeError as error:
        missing(mode.value if mode is not Mode.PLAIN else "plain", str(error))
    return server


@pytest.mark.parametrize("mode", list(Mode))
def test_a_job_can_not_use_the_admin_routes(tmp_path: Path, mode: Mode) -> None:
    with closing_server(server_in(tmp_path / "home", mode)) as server:
        assert_sealed(server, tmp_path / "home", hidden=mode is not Mode.PLAIN)


def test_a_job_in_a_container_can_not_use_the_admin_routes(tmp_path: Path, docker: DockerImage) -> None:
    server = LocalPAI(tmp_path / "home", runtime=RuntimeKind.DOCKER, slots=2)
    server.start()
    with closing_server(server):
        assert_sealed(server, tmp_path / "home", hidden=True, image=docker.name)


@contextmanager
def closing_server(server: LocalPAI) -> Iterator[LocalPAI]:
    try:
        yield server
    finally:
        server.stop()


def assert_sealed(server: LocalPAI, home: Path, *, hidden: bool, image: str = "pytorch:1") -> None:
    """Let a job try the admin routes with all that it finds, and see that nothing has changed."""
    client = client_of(server.ready)
    try:
        other = client.send(training.create_training_job(body_of("sleep 600", image)))
        wait(client, other, "Running")
        command = f"python3 -c {shlex.quote(intruder(server, home, other, hidden=hidden))}"
        job_id = client.send(training.create_training_job(body_of(command, image)))
        ended = wait(client, job_id)
        assert ended.is_success, (ended.reason_message, server_log(home, job_id))
        assert client.send(training.get_training_job(other)).status == "Running"
        assert server.clock.offset == timedelta()
    finally:
        client.close()


def intruder(server: LocalPAI, home: Path, other: str, *, hidden: bool, own_network: bool = False) -> str:
    """Return a program that tries what it must not be able to do."""
    values = {"api": server.ready.api, "home": str(home.resolve()), "other": other}
    return INTRUDER.format(**values, hidden=hidden, own_network=own_network)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_instance_of_a_service_can_not_use_the_admin_routes(tmp_path: Path, mode: Mode) -> None:
    with closing_server(server_in(tmp_path / "home", mode)) as server:
        assert_service_sealed(server, tmp_path / "home", isolated=mode is not Mode.PLAIN)


def test_a_service_beside_jobs_in_containers_can_not_use_the_admin_routes(tmp_path: Path, docker: DockerImage) -> None:
    # Services are processes of this machine there, too, kept apart in the best way that works here.
    server = LocalPAI(tmp_path / "home", runtime=RuntimeKind.DOCKER, slots=2)
    server.start()
    with closing_server(server):
        isolated = Sandbox(tmp_path / "probe", ()).mode is not Mode.PLAIN
        assert_service_sealed(server, tmp_path / "home", isolated=isolated, image=docker.name)


def assert_service_sealed(server: LocalPAI, home: Path, *, isolated: bool, image: str = "pytorch:1") -> None:
    """Let an instance of a service try the admin routes with all that it finds, and see that nothing has changed."""
    client = client_of(server.ready)
    try:
        other = client.send(training.create_training_job(body_of("sleep 600", image)))
        assert wait(client, other, "Running").status == "Running"
        program = intruder(server, home, other, hidden=isolated, own_network=isolated)
        container = {"image": SERVICE_IMAGE, "port": 8000}
        config = {
            "name": "intruder",
            "metadata": {"instance": 1},
            "cloud": {"computing": {"instance_type": "ecs.c6.large"}},
            "containers": [{**container, "command": ["python", "-c", SERVED_INTRUDER.format(intruder=program)]}],
        }
        client.send(services.create_service(config, client.config.workspace_id))
        described = services.describe_service(server.ready.region_id, "intruder")
        until(lambda: client.send(described).status in ("Running", "Failed"))
        service = client.send(described)
        assert service.status == "Running", service
        answer = requests.get(service.endpoint, headers={"Authorization": service.token}, timeout=PATIENCE)
        assert answer.text == "sealed"
        assert client.send(training.get_training_job(other)).status == "Running"
        assert server.clock.offset == timedelta()
    finally:
        client.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def body_of(command: str, image: str) -> dict[str, Any]:
    wanted = body(command)
    return {**wanted, "AlgorithmSpec": {**wanted["AlgorithmSpec"], "Image": image}}


def server_log(home: Path, job_id: str) -> str:
    return "\n".join(path.read_text() for path in home.rglob("*.log") if job_id in str(path))


def test_the_token_is_new_at_each_start_and_in_no_other_place(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        with LocalPAI(tmp_path / "home", sandbox=Mode.PLAIN) as server:
            tokens.append(server.ready.admin_token)
            assert read_admin_token(tmp_path / "home") == server.ready.admin_token
            assert server.ready.admin_token not in repr(server.ready) + server.ready.airflow_conn_uri
            assert (tmp_path / "home" / "admin-token.json").stat().st_mode & 0o077 == 0
            assert requests.get(f"{server.ready.api}/_local/health", timeout=180).status_code == 401
            shown = {"headers": server.ready.admin_headers, "timeout": 5}
            assert requests.get(f"{server.ready.api}/_local/health", **shown).status_code == 200
    assert tokens[0] != tokens[1]
