"""``pai-local status`` shows services."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_pai.local.__main__ import NOT_RUNNING, main
from airflow_provider_pai.local.eas import changes
from airflow_provider_pai.local.eas.record import Seen
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.eas.summary import lines
from airflow_provider_pai.local.home import SERVICES, Home

CONFIG = {"name": "score", "metadata": {"instance": 2}, "containers": [{"image": "a:1"}]}


def test_services_of_a_server_that_does_not_run_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Home(tmp_path).release()
    store = ServiceStore(tmp_path / SERVICES)
    service = changes.created(CONFIG, "eas-m-1", "uid", "a-token", "2026-11-24T12:00:00Z", {})
    seen = Seen("Failed", "CrashLoopBackOff", "it ended\nwith 3", version=1, settled=1, running=1)
    store.add(replace(service, seen=seen))
    assert main(["status", "--home", str(tmp_path)]) == NOT_RUNNING
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == ["not running", "no training jobs"]
    assert shown[2].split() == ["ServiceName", "Status", "CreateTime", "Version", "Instances", "Message"]
    row = ["score", "Failed", "2026-11-24T12:00:00Z", "1 of 1", "1 of 2", "it ended with 3"]
    assert re.split(" {2,}", shown[3]) == row
    assert "a-token" not in "".join(shown)


def test_there_is_no_table_without_services() -> None:
    assert lines([]) == []
