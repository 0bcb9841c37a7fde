from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.packaging.inputs import read_input
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.training.preparation import JobPreparation
from airflow_provider_pai.model.training.arguments import checked_spec
from devtools.waits import PATIENCE


def preparation() -> JobPreparation:
    """Return one that may ask nothing: it has no service."""
    client = cast("PAIClient", SimpleNamespace(config=None))
    return JobPreparation(client, cast("ObjectStorage", None), cast("Log", None))


def job(**inputs: str) -> Any:
    quota = {"resource_id": "quota1", "instance_spec": {"cpu": 1, "memory": 1}}
    return checked_spec({"command": "true", "image_uri": "image", "inputs": inputs, **quota})


def test_local_inputs_are_read_while_pai_is_asked_whether_there_is_a_job_already(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / name).write_text(name)
    spec = job(train=str(tmp_path / "train"), test=str(tmp_path / "test"), cloud="oss://bucket/data/")
    with preparation().start(spec) as begun:
        found = {name: future.result(timeout=60) for name, future in begun.inputs.items()}
    assert found == {name: read_input(tmp_path / name) for name in ("train", "test")}


def test_the_reading_of_inputs_ends_with_the_task_that_needs_them_no_more() -> None:
    reading, is_over = threading.Event(), threading.Event()
    ended: list[PAIError] = []

    def check() -> None:
        reading.set()
        assert is_over.wait(PATIENCE)
        raise PAIError("given up")

    def read(path: Path) -> None:
        try:
            read_input(path, check)
        except PAIError as error:
            ended.append(error)

    thread = threading.Thread(target=read, args=[Path(__file__)])
    thread.start()
    assert reading.wait(PATIENCE)
    is_over.set()
    thread.join(PATIENCE)
    assert [str(error) for error in ended] == ["given up"]


def test_an_input_that_is_not_there_is_no_error_before_the_job_is_checked(tmp_path: Path) -> None:
    with preparation().start(job(train=str(tmp_path / "missing"))) as begun, pytest.raises(FileNotFoundError):
        begun.inputs["train"].result(timeout=60)
