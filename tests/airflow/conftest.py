"""What tests of Airflow's side share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow import __version__

from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support import deploying

# On Airflow 3 the examples run on a whole Airflow, in tests/dags.
collect_ignore = [] if __version__.startswith("2.") else ["test_examples_run.py"]


@pytest.fixture
def task_log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the task's log would show: outside of a task runner, Airflow 3 prints it and 2.11 hands it to logging."""
    caplog.set_level("INFO", logger="airflow.task")

    def lines() -> list[str]:
        printed = re.finditer(r"\[info +\] (.*?)(?=  +\[|$)", capsys.readouterr().out, re.MULTILINE)
        found = [line[1].rstrip() for line in printed] or [record.getMessage() for record in caplog.records]
        # Each line is given once, as by capsys.
        caplog.clear()
        return found

    return lines


@pytest.fixture
def hook(pai: LocalPAI) -> PAITrainingHook:
    return PAITrainingHook()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Source code that trains for a moment, long enough to be deferred."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import os, sys, time\n"
        "time.sleep(0.7)\n"
        "print('training with', sys.argv[1:])\n"
        "print('accuracy=0.75')\n"
        "open(os.environ['PAI_OUTPUT_MODEL'] + 'model.txt', 'w').write('a model')\n"
    )
    return folder


@pytest.fixture
def code(tmp_path: Path) -> str:
    """Source code of a service."""
    return deploying.source(tmp_path / "source")


@pytest.fixture
def name(request: pytest.FixtureRequest, pai: LocalPAI) -> Iterator[str]:
    """A name of a service or group of its own for each test; its services are deleted."""
    name = "s_" + "".join(filter(str.isalnum, request.node.name.lower()))[-40:]
    yield name
    for service in deploying.services(name):
        PAIServiceHook().delete(service.name)
