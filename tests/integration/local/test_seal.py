"""What runs in a job or a service can't use the admin routes of the server that runs it."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from airflow_provider_pai.api import training
from airflow_provider_pai.local.home import read_admin_token
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from tests.integration.local.test_server import body, client_of, created, wait
from tests.support.machine import missing

INTRUDER = """
import json, os, pathlib, urllib.error, urllib.request
api, home, other, hidden = {api!r}, {home!r}, {other!r}, {hidden!r}

def status(method, path, token=None, body=None):
    request = urllib.request.Request(api + "/_local/" + path, body and json.dumps(body).encode(), method=method)
    if token is not None:
        request.add_header("Authorization", "Bearer " + token)
    try:
        return urllib.request.urlopen(request, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code

found = [value for value in os.environ.values() if len(value) == 48]
for token in [None, "", "x", *found]:
    assert status("POST", "reset", token) == 401, token
    assert status("POST", "clock", token, {{"offset_seconds": 3600}}) == 401
    assert status("POST", "jobs/" + other + "/status", token, {{"Status": "Succeed"}}) == 401
    assert status("GET", "jobs", token) == 401
if hidden:
    assert not os.path.exists(home + "/admin-token.json")
    for top in ("/ml", home):
        assert not list(pathlib.Path(top).rglob("admin-token.json"))
print("sealed", flush=True)
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
    server = server_in(tmp_path / "home", mode)
    try:
        client = client_of(server.ready)
        other = created(client, "sleep 600")
        wait(client, other, "Running")
        values = {"api": server.ready.api, "home": str((tmp_path / "home").resolve()), "other": other}
        script = INTRUDER.format(**values, hidden=mode is not Mode.PLAIN)
        job_id = client.send(training.create_training_job(body(f"python3 -c {shlex.quote(script)}")))
        ended = wait(client, job_id)
        assert ended.is_success, (ended.reason_message, server_log(tmp_path, job_id))
        assert client.send(training.get_training_job(other)).status == "Running"
        assert server.clock.offset == timedelta()
    finally:
        client.close()
        server.stop()


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
            assert requests.get(f"{server.ready.api}/_local/health", timeout=5).status_code == 401
            shown = {"headers": server.ready.admin_headers, "timeout": 5}
            assert requests.get(f"{server.ready.api}/_local/health", **shown).status_code == 200
    assert tokens[0] != tokens[1]
