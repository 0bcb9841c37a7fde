"""``pai-local verify`` with connections that can't work, with missing rights, and with Airflow's own connections."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_pai import command_line
from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.local.verify.command import verify
from airflow_provider_pai.local.verify.endpoint import Target
from airflow_provider_pai.local.verify.requests import ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall
from tests.support.waits import PATIENCE


@pytest.fixture(scope="module")
def pai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    with LocalPAI(tmp_path_factory.mktemp("pai"), sandbox=Mode.PLAIN) as server:
        yield server


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("access_key_secret", "wrong", "refuses GetWorkspace: SignatureDoesNotMatch (HTTP 400); check access key"),
        ("access_key_id", "LTAIwrong", "refuses GetWorkspace: InvalidAccessKeyId.NotFound (HTTP 404)"),
        ("workspace_id", "999", "refuses GetWorkspace: WorkspaceNotFound (HTTP 404)"),
        ("api", "http://127.0.0.1:9", "127.0.0.1:9 does not answer (ConnectionRefusedError"),
    ],
)
def test_a_connection_that_can_not_work_is_named_and_nothing_is_tried(
    pai: LocalPAI, capsys: pytest.CaptureFixture[str], member: str, value: str, expected: str
) -> None:
    before = pai.faults.counts()
    uri = replace(pai.ready, **{member: value}).airflow_conn_uri
    assert main(["verify", "--conn-uri", uri]) == 1
    shown = capsys.readouterr()
    assert expected in shown.err
    assert not set(re.findall("^(true|false|untested) ", shown.out, re.MULTILINE))
    after = pai.faults.counts()
    assert {name for name in after if after[name] != before.get(name, 0)} <= {"GetWorkspace", "*"}


def test_what_a_right_is_missing_for_is_untested_and_nothing_is_left_to_delete(pai: LocalPAI) -> None:
    class Forbidding:
        def send(self, ask: ProbeCall) -> ProbeAnswer:
            return ProbeAnswer(403, {"Code": "NoPermission"})

        def send_object(self, ask: ObjectCall) -> ObjectAnswer:
            return ObjectAnswer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")

    said: list[str] = []
    target = Target.of(pai.ready.airflow_conn_uri)
    found = verify(target, said.append, sender=Forbidding(), sleep=lambda _: None)
    assert {each["verdict"] for each in found} == {"untested"}
    assert [line for line in said if "could not delete" in line] == []


def test_a_connection_of_airflow_is_read_with_its_credentials(pai: LocalPAI, tmp_path: Path) -> None:
    extra = {
        "region_id": pai.ready.region_id,
        "workspace_id": pai.ready.workspace_id,
        "endpoint": pai.ready.api,
        "oss_endpoint": pai.ready.oss,
        "credential_type": "default",
    }
    # A process of its own: the vendor's library reads these variables when it is imported, and never again.
    variables = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_PAI_OTHER": json.dumps({"conn_type": "pai", "extra": extra}),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": pai.ready.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": pai.ready.access_key_secret,
    }
    command = [sys.executable, "-m", command_line.__name__, "verify", "--conn-id", "pai_other", "--probe", "jobs.sort"]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, "1 true" in done.stdout) == (0, True), done.stderr


def test_a_connection_that_airflow_does_not_have_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--conn-id", "pai_absent"], connection_of=command_line.read_connection) == 1
    assert "there is no connection 'pai_absent'" in capsys.readouterr().err
