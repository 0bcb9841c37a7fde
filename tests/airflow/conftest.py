"""What tests of Airflow's side share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.deploying import services, source


@pytest.fixture
def task_log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the task's log would show: outside of a task runner, Airflow 3 prints it and 2.11 hands it to logging."""
    caplog.set_level("INFO", logger="airflow.task")

    def lines() -> list[str]:
        printed = re.finditer(r"\[info +\] (.*?)(?=  +\[|$)", capsys.readouterr().out, re.MULTILINE)
        found = [line[1].rstrip() for line in printed] or [record.getMessage() for record in caplog.records]
        # Each line is told once, as by capsys.
        caplog.clear()
        return found

    return lines


@pytest.fixture
def code(tmp_path: Path) -> str:
    """Source code of a service."""
    return source(tmp_path / "source")


@pytest.fixture
def name(request: pytest.FixtureRequest, pai: LocalPAI) -> Iterator[str]:
    """A name of a service or group of its own for each test; its services are deleted."""
    name = "s_" + "".join(filter(str.isalnum, request.node.name.lower()))[-40:]
    yield name
    for service in services(name):
        PAIServiceHook().delete(service.name)
