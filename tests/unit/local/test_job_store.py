from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.jobs.lines import LineFile
from airflow_provider_pai.local.jobs.store import JobStore, load_records
from airflow_provider_pai.local.jobs.transitions import NEXT, transition_members
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES, JobStatus


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 3, 4, 5, 600_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **amount: float) -> None:
        self.time += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[JobStore]:
    store = JobStore(tmp_path, clock)
    yield store
    store.close()


def body(name: str = "a job", **members: Any) -> dict[str, Any]:
    return {"TrainingJobName": name, "WorkspaceId": "1", "ComputeResource": {"EcsSpec": "e"}, **members}


def create(store: JobStore, name: str = "a job", **members: Any) -> str:
    return str(store.create(body(name, **members))["TrainingJobId"])


def names(store: JobStore, **query: str) -> list[str]:
    return [record["TrainingJobName"] for record in store.query(query)[0]]


def test_jobs_are_the_same_after_opening_the_folder_again(store: JobStore, tmp_path: Path, clock: Clock) -> None:
    ids = [create(store, name) for name in ("first", "second")]
    store.change(ids[0], lambda _: {"ReasonCode": "x", "WorkspaceId": None})
    before = store.all()
    store.close()
    again = JobStore(tmp_path, clock)
    assert [dict(record) for record in again.all()] == [dict(record) for record in before]
    assert "WorkspaceId" not in again.existing(ids[0])
    assert int(again.existing(create(again))["Local"]["Number"]) == 3
    again.close()


def test_ids_have_pais_form(store: JobStore) -> None:
    job_id = create(store)
    assert job_id.startswith("train")
    assert len(job_id) == 16
    assert job_id[5:].isalnum()
    assert job_id == job_id.lower()


def test_records_can_be_read_while_a_store_has_them(store: JobStore, tmp_path: Path) -> None:
    ids = [create(store, name) for name in ("first", "second")]
    assert [*load_records(tmp_path)] == ids
    assert load_records(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    "change",
    [
        *({"TrainingJobId": "train00000000000"}, {"Status": None}, {"Status": "Odd"}, {"GmtCreateTime": None}),
        *({"StatusTransitions": []}, {"ComputeResource": None}, {"TrainingJobName": 1}),
        *({"Local": None}, {"Local": {"Number": 1}}, {"Local": {"CreatedAt": "2026-11-24T00:00:00+00:00"}}),
        {"Local": {"Number": 1, "CreatedAt": "soon"}},
    ],
)
def test_a_record_without_what_every_job_has_is_left_out_and_named(
    change: dict[str, Any], store: JobStore, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, kept = create(store), create(store)
    file = tmp_path / "jobs" / damaged / "job.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert [record["TrainingJobId"] for record in JobStore(tmp_path, clock).all()] == [kept]
    assert str(file) in caplog.text


@pytest.mark.parametrize("text", ["{}", "[]", "null", "", "\0"])
def test_a_file_that_holds_no_record_is_left_out(text: str, store: JobStore, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "jobs" / create(store) / "job.json").write_text(text)
    assert JobStore(tmp_path, clock).all() == []


def test_a_record_is_on_disk_before_it_replaces_the_old_one(store: JobStore) -> None:
    called: list[object] = []

    def watch(_: FrameType, event: str, argument: object) -> None:
        if event == "c_call" and argument in (os.fsync, os.replace, os.rename):
            called.append(argument)

    sys.setprofile(watch)
    try:
        create(store)
    finally:
        sys.setprofile(None)
    assert called == [os.fsync, os.replace]


def test_what_a_kill_left_half_written_is_no_job(store: JobStore, tmp_path: Path, clock: Clock) -> None:
    kept = create(store)
    store.close()
    (tmp_path / "jobs" / "train00000000001").mkdir()
    (tmp_path / "jobs" / "train00000000001" / "job.json.new").write_text("{")
    again = JobStore(tmp_path, clock)
    assert [record["TrainingJobId"] for record in again.all()] == [kept]
    again.close()


def test_a_reader_keeps_what_it_got(store: JobStore) -> None:
    job_id = create(store)
    before = store.existing(job_id)
    store.change(job_id, lambda _: {"Status": "Running"})
    assert before["Status"] == "Creating"


def test_deleted_jobs_leave_nothing(store: JobStore, tmp_path: Path) -> None:
    job_id = create(store)
    store.files(job_id).log.append("x", datetime.now(UTC))
    store.delete(job_id)
    assert store.get(job_id) is None
    assert not (tmp_path / "jobs" / job_id).exists()


def test_filters_are_combined(store: JobStore) -> None:
    label = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    create(store, "Train Cats", Labels=label)
    create(store, "train dogs", Labels=label[:1], WorkspaceId="2")
    dogs = create(store, "dogs")
    store.change(dogs, lambda _: {"Status": "Running"})
    assert names(store) == ["dogs", "train dogs", "Train Cats"]
    assert names(store, WorkspaceId="1", Order="ASC") == ["Train Cats", "dogs"]
    assert names(store, TrainingJobName="TRAIN") == ["train dogs", "Train Cats"]
    assert names(store, TrainingJobId=dogs) == ["dogs"]
    assert names(store, Status="Running") == ["dogs"]
    assert names(store, Labels='{"a":"1"}') == ["train dogs", "Train Cats"]
    assert names(store, Labels='{"a":"1","b":"2"}') == ["Train Cats"]
    assert names(store, Labels='{"a":"2"}') == []
    assert names(store, IsTempAlgo="false") == []
    assert len(names(store, IsTempAlgo="true")) == 3
    assert names(store, AlgorithmName="x") == []


def test_the_default_window_is_seven_days(store: JobStore, clock: Clock) -> None:
    create(store, "old")
    clock.forward(days=7)
    create(store, "new")
    assert names(store) == ["new", "old"]
    clock.forward(seconds=1)
    assert names(store) == ["new"]
    assert names(store, StartTime="2026-11-24T03:04Z") == ["new", "old"]
    assert names(store, StartTime="2026-11-24T03:04:05Z", EndTime="2026-11-24T11:04:05+08:00") == ["old"]
    assert names(store, StartTime="2026-11-24T03:04:06Z") == ["new"]


def test_pages_and_orders(store: JobStore, clock: Clock) -> None:
    ids = [create(store, str(number)) for number in range(5)]
    clock.forward(seconds=1)
    store.change(ids[2], lambda _: {})
    page, total = store.query({"PageSize": "2", "PageNumber": "2", "Order": "ASC"})
    assert ([record["TrainingJobName"] for record in page], total) == (["2", "3"], 5)
    assert names(store, SortBy="GmtModifiedTime") == ["2", "4", "3", "1", "0"]
    assert names(store, PageNumber="9") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PageSize", "0"),
        ("PageSize", "101"),
        ("PageNumber", "-1"),
        ("PageNumber", "x"),
        ("SortBy", "Status"),
        ("Order", "UP"),
        ("StartTime", "yesterday"),
        ("EndTime", "2026-13-01T00:00:00Z"),
        ("Labels", "a=b"),
        ("Labels", '{"a":1}'),
        ("Labels", "[]"),
        ("IsTempAlgo", "maybe"),
    ],
)
def test_bad_parameters_are_refused_by_name(store: JobStore, name: str, value: str) -> None:
    with pytest.raises(ErrorResponse, match=name) as refused:
        store.query({name: value})
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_a_lagging_list_hides_new_jobs_but_not_from_get(store: JobStore, clock: Clock) -> None:
    create(store, "old")
    clock.forward(seconds=10)
    job_id = create(store, "new")
    store.lag_seconds = 5
    assert names(store) == ["old"]
    assert store.get(job_id) is not None
    clock.forward(seconds=5)
    assert names(store) == ["new", "old"]


def test_lines_are_read_in_pages_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "log.txt"
    log = LineFile(path)
    assert log.page(0, 10) == ([], 0)
    for number in range(1000):
        log.append(f"line {number}")
    assert log.page(700, 3) == (["line 700", "line 701", "line 702"], 1000)
    assert log.page(999, 5) == (["line 999"], 1000)
    assert log.page(5000, 5) == ([], 1000)
    log.append("é\nin one\0line\r")
    assert log.tail(2) == ["line 999", "é in one line "]
    with path.open("ab") as file:
        file.write(b"not yet comple")
    assert len(log) == 1001
    with path.open("ab") as file:
        file.write(b"te \xff\n")
    assert LineFile(path).tail(1) == log.tail(1) == ["not yet complete \ufffd"]


def test_every_status_that_is_no_end_has_a_way_on() -> None:
    assert set(NEXT) == set(JobStatus) - TERMINAL_STATUSES
    assert all(JobStatus.TERMINATED in after for after in NEXT.values())


def test_a_job_can_only_go_where_the_table_allows(store: JobStore, clock: Clock) -> None:
    record = store.create(body())
    with pytest.raises(ValueError, match="from Creating to Running"):
        transition_members(record, JobStatus.RUNNING, clock())
    ended = {**record, **transition_members(record, JobStatus.SUCCEED, clock(), by_hand=True)}
    with pytest.raises(ValueError, match="from Succeed to Failed"):
        transition_members(ended, JobStatus.FAILED, clock(), by_hand=True)


def test_clearing_forgets_all_jobs_at_once_and_removes_their_folders_in_the_background(tmp_path):
    store = JobStore(tmp_path, lambda: datetime.now(UTC))
    for _ in range(3):
        store.create(body())
    store.clear()
    assert (store.all(), list((tmp_path / "jobs").iterdir())) == ([], [])
    store.close()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["jobs"]


def test_what_an_earlier_server_had_not_removed_is_removed(tmp_path):
    (tmp_path / "removed-jobs-1" / "train1").mkdir(parents=True)
    JobStore(tmp_path, lambda: datetime.now(UTC)).close()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["jobs"]
