"""instance_type="local": the job runs on the worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import JobFailedError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, training

LOOK_AROUND = """
import json, os, sys
print("saw", sys.argv[1:], json.load(open("/ml/input/config/hyperparameters.json")))
print("read", open("/ml/input/data/table/rows.csv").read(), sorted(os.listdir("/ml/input/data/folder")))
print("job", os.environ["PAI_TRAINING_JOB_ID"], os.environ["WORLD_SIZE"], os.getcwd())
print("accuracy=0.75")
open("/ml/output/model/model.txt", "w").write("a model")
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Airflow home without any connection."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.delenv("AIRFLOW_CONN_PAI_DEFAULT", raising=False)
    return tmp_path / "airflow"


@pytest.fixture
def image() -> str | None:
    return None


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"unix://{tmp_path}/absent.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


@pytest.fixture(params=["process", "docker"])
def anywhere(request: pytest.FixtureRequest) -> str:
    """An image of a worker with an engine, and of one without."""
    if request.param == "docker":
        return str(request.getfixturevalue("docker").name)
    request.getfixturevalue("no_engine")
    return "registry/image:1"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text(LOOK_AROUND)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rows.csv").write_text("1,2")
    (folder / "more.csv").write_text("3,4")
    return folder


def local(**arguments: Any) -> Any:
    return training(**{"instance_type": "local", "image": None, **arguments})


def nothing_is_left(home: Path) -> bool:
    return list((home / "pai-local" / "running").iterdir()) == []


def test_without_an_account_a_script_trains_on_local_files_and_its_model_is_a_local_folder(
    anywhere: str, source: Path, data: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    attempt = Attempt()
    value = local(
        command="python train.py $PAI_USER_ARGS",
        image_uri=anywhere,
        source_dir=str(source),
        hyperparameters={"lr": 0.1},
        inputs={"table": str(data / "rows.csv"), "folder": f"file://{data}"},
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
    ).execute(attempt.context)
    assert value["status"] == "Succeed"
    folder = Path(value["model_uri"])
    assert value["model_uri"].endswith("/model/")
    assert folder.is_relative_to(home / "pai-local" / "outputs")
    assert (folder / "model.txt").read_text() == "a model"
    assert value["outputs"]["checkpoints"] == f"{folder.parent}/checkpoints/"
    assert value["metrics"] == {"accuracy": 0.75}
    assert (value["console_url"], value["code_uri"]) == (None, None)
    assert attempt.xcoms["model_uri"] == value["model_uri"]
    assert attempt.xcoms["job_id"] == value["job_id"]
    assert "console_url" not in attempt.xcoms
    json.dumps(value)
    assert nothing_is_left(home)


def printed(lines: list[str]) -> list[str]:
    return lines[lines.index("-" * 65) + 1 :]
