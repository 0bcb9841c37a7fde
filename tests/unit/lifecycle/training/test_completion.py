"""What of an output's folder is something that its job has left."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_provider_pai.client.oss.objects import ObjectDetails
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.lifecycle.training.completion import is_empty
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus

FOLDER = "oss://bucket/runs/model/"
CREATED = datetime(2026, 1, 2, 3, tzinfo=UTC)
JOB = JobSnapshot("train1", JobStatus.SUCCEED, created="2026-01-02T03:00:00Z")
log = logging.getLogger(__name__)


def stored(name: str, size: int = 5, age: timedelta = timedelta()) -> ObjectDetails:
    return ObjectDetails(f"runs/model/{name}", size, "etag", CREATED - age)


def storage(*found: ObjectDetails) -> ObjectStorage:
    return cast("ObjectStorage", SimpleNamespace(files=SimpleNamespace(below=lambda _: iter(found))))


@pytest.mark.parametrize(
    "found",
    [
        [],
        [stored("", 0)],
        [stored("model.pt", 0)],
        [stored(".keep", 1), stored(".cache/a/model.pt")],
        [stored("model.pt", age=timedelta(hours=1)), stored("checkpoint/", 0)],
    ],
    ids=["nothing", "the folder's mark", "an empty file", "hidden files", "the model of the job before"],
)
def test_a_job_has_left_nothing(found: list[ObjectDetails]) -> None:
    assert is_empty(JOB, FOLDER, storage(*found), log)


@pytest.mark.parametrize(
    "found",
    [
        [stored(".keep"), stored("model.pt")],
        [stored("old.pt", age=timedelta(days=9)), stored("model.pt")],
        [stored("model.pt", age=timedelta(minutes=4))],
        [stored("deep/er/model.pt")],
        [stored(f"{number}", 0) for number in range(1001)],
    ],
    ids=["beside a hidden one", "beside an older one", "with clocks apart", "in a folder", "more than are looked at"],
)
def test_a_job_may_have_left_a_model(found: list[ObjectDetails]) -> None:
    assert not is_empty(JOB, FOLDER, storage(*found), log)


def test_the_age_of_files_decides_nothing_when_that_of_the_job_is_unknown() -> None:
    job = JobSnapshot("train1", JobStatus.SUCCEED)
    assert not is_empty(job, FOLDER, storage(stored("model.pt", age=timedelta(days=9))), log)


def test_a_folder_that_cannot_be_read_is_not_known_to_be_empty() -> None:
    def below(_: Any) -> Any:
        raise TransportError("no answer", sent=True)

    broken = cast("ObjectStorage", SimpleNamespace(files=SimpleNamespace(below=below)))
    assert not is_empty(JOB, FOLDER, broken, log)


def test_folders_of_this_worker_are_held_to_the_same(tmp_path: Path) -> None:
    assert is_empty(JOB, str(tmp_path), storage(), log)
    (tmp_path / "empty").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "file").write_text("x")
    assert is_empty(JOB, str(tmp_path), storage(), log)
    (tmp_path / "model.txt").write_text("x")
    assert not is_empty(JOB, str(tmp_path), storage(), log)
