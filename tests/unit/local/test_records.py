"""What local PAI remembers: whole or not at all, in the order it came, and at a cost that does not grow."""

from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.local.catalogs.catalog import LocalImageCatalog
from airflow_provider_pai.local.catalogs.models import change_version
from airflow_provider_pai.local.catalogs.record_store import NoSuchRow, RecordStore, Row
from airflow_provider_pai.local.catalogs.version_store import VersionedStore
from airflow_provider_pai.local.eas import changes
from airflow_provider_pai.local.eas.groups import Groups
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.home import HomeDamaged
from airflow_provider_pai.local.jobs.quota_usage import Amount
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.keys import KeyRing
from airflow_provider_pai.local.records import Change, Records
from airflow_provider_pai.local.running.queue import Queue
from airflow_provider_pai.model.registry.version import version_numbers

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records(tmp_path)
    yield records
    records.close()


def row(row_id: str, name: str, workspace: str = "1") -> Row:
    return {"Id": row_id, "Name": name, "WorkspaceId": workspace}


def version(name: str, source: str = "", time: str = "2026") -> Row:
    return {"VersionName": name, "SourceId": source, "GmtCreateTime": time, "ApprovalStatus": "Pending"}


def models(records: Records) -> VersionedStore:
    return VersionedStore("Id", records.table("models"), records.table("model-versions"), version_numbers)


def test_records_come_back_in_the_order_they_came_and_changed_ones_keep_their_place(tmp_path: Path) -> None:
    first = Records(tmp_path)
    table = first.table("kind")
    for name in ("b", "a", "c"):
        table.put(name, {"name": name})
    table.put("b", {"name": "ü"})
    table.remove("a")
    first.table("other").put("b", {"name": "other"})
    again = Records(tmp_path)
    assert again.table("kind").rows() == {"b": {"name": "ü"}, "c": {"name": "c"}}
    assert list(again.table("kind").rows()) == ["b", "c"]
    again.table("kind").clear()
    assert again.table("kind").rows() == {}
    assert again.table("other").rows() == {"b": {"name": "other"}}
    for each in (first, again):
        each.close()


def test_changes_are_made_together_or_not_at_all(records: Records) -> None:
    records.table("kind").put("a", {"name": "a"})
    with pytest.raises(TypeError):
        records.write([Change("kind", "a", None), Change("kind", "b", {"name": object()})])
    assert records.table("kind").rows() == {"a": {"name": "a"}}


def test_its_files_are_their_owners_only(records: Records) -> None:
    records.table("kind").put("a", {"secret": "canary"})
    files = list(records.path.parent.glob(f"{records.path.name}*"))
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000])
def test_a_damaged_record_is_named_with_its_kind(content: str, tmp_path: Path) -> None:
    Records(tmp_path).close()
    with sqlite3.connect(tmp_path / "records.sqlite3") as db:
        db.execute("INSERT INTO records (kind, id, content) VALUES ('models', 'a', ?)", (content,))
    db.close()
    records = Records(tmp_path)
    with pytest.raises(HomeDamaged, match=r"records\.sqlite3 is damaged: its models"):
        records.table("models").rows()
    records.close()


def test_a_name_is_taken_once_in_a_workspace(records: Records) -> None:
    store = RecordStore("Id", records.table("kind"))
    assert store.add(row("a", "one"))
    assert not store.add(row("b", "one"))
    assert store.add(row("b", "one", "2"))
    assert store.add(row("c", "two"))
    assert not store.change("c", lambda _: {"Name": "one"})
    assert store.change("c", lambda current: {"Name": current["Name"]})
    assert store.change("a", lambda _: {"Name": "three"})
    assert store.change("c", lambda _: {"Name": "one"})
    assert not store.add(row("d", "three"))
    assert [each["Id"] for each in store.rows()] == ["a", "b", "c"]
    assert store.named("1", "one") == row("c", "one")
    assert store.named("1", "two") is None
    assert store.remove("c")
    assert not store.remove("c")
    assert store.add(row("d", "one"))
    with pytest.raises(NoSuchRow):
        store.change("c", lambda _: {})


class FullTable:
    """Rows on a disk that gets full."""

    kind = "kind"

    def __init__(self, records: Records) -> None:
        self._table = records.table(self.kind)
        self.records = self
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def write(self, made: list[Change]) -> None:
        self._refuse()
        self._table.records.write(made)

    def remove(self, row_id: str) -> None:
        self._refuse()
        self._table.remove(row_id)

    def clear(self) -> None:
        self._refuse()
        self._table.clear()

    def _refuse(self) -> None:
        if self.is_full:
            raise OSError("no space left")


def test_every_change_is_stored_before_it_counts(records: Records) -> None:
    table: Any = FullTable(records)
    store = RecordStore("Id", table)
    assert store.add(row("a", "one"))
    table.is_full = True
    tries: tuple[Callable[[], object], ...] = (
        lambda: store.add(row("b", "two")),
        lambda: store.change("a", lambda _: {"Name": "two"}),
        lambda: store.remove("a"),
        store.clear,
    )
    for attempt in tries:
        with pytest.raises(OSError, match="no space"):
            attempt()
    assert store.rows() == [row("a", "one")]
    assert store.named("1", "one") == row("a", "one")
    assert store.named("1", "two") is None


# Versions -------------------------------------------------------------------------------------------------------------


def test_versions_come_back_and_go_with_what_they_are_versions_of(records: Records) -> None:
    store = models(records)
    for name in ("a", "b"):
        store.add(row(name, name))
        for number in range(3):
            store.add_version(name, lambda _, number=number: version(f"0.{number}.0", f"job{number}"))  # type: ignore[misc]
    store.change_version("a", "0.1.0", lambda _: {"ApprovalStatus": "Approved"})
    store.remove_version("b", "0.0.0")
    again = models(records)
    assert [each["VersionName"] for each in again.versions("a")] == ["0.0.0", "0.1.0", "0.2.0"]
    assert [each["VersionName"] for each in again.versions("b")] == ["0.1.0", "0.2.0"]
    assert again.version("a", "0.1.0") == {**version("0.1.0", "job1"), "ApprovalStatus": "Approved"}
    assert again.versions("a", "job2") == [version("0.2.0", "job2")]
    again.remove("a")
    assert again.versions("a") == []
    assert list(records.table("model-versions").rows()) == ["b/0.1.0", "b/0.2.0"]
    again.clear()
    assert records.table("model-versions").rows() == records.table("models").rows() == {}


def test_the_latest_is_the_one_made_last_and_the_greatest_the_one_of_the_highest_number(records: Records) -> None:
    store = models(records)
    store.add(row("a", "a"))
    greatest: list[str] = []

    def add(name: str, time: str) -> None:
        store.add_version("a", lambda versions: greatest.append(versions.greatest) or version(name, time=time))  # type: ignore[func-returns-value]

    add("0.10.0", "2026-01")
    add("0.9.0", "2026-02")
    add("0.2.0", "2026-02")
    assert greatest == ["", "0.10.0", "0.10.0"]
    assert store.latest("a") == version("0.2.0", time="2026-02")
    store.change_version("a", "0.10.0", lambda _: {"ApprovalStatus": "Approved"})
    assert store.latest("a") == version("0.2.0", time="2026-02")
    store.remove_version("a", "0.2.0")
    store.remove_version("a", "0.10.0")
    add("0.3.0", "2025")
    assert greatest[-1] == "0.9.0"
    assert store.latest("a") == version("0.9.0", time="2026-02")
    assert store.first("a") == version("0.9.0", time="2026-02")
    for name in ("0.9.0", "0.3.0"):
        store.remove_version("a", name)
    assert store.latest("a") is None
    assert store.first("a") is None


# A cost that does not grow --------------------------------------------------------------------------------------------

FEW, MANY = 10, 200


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines of Python a piece of work runs; each turn of a loop or a comprehension counts."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event in ("line", "call")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class Kept:
    """Everything that local PAI keeps, with some number of each."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir()
        self.records = Records(folder)
        self.number = 0
        self.store = models(self.records)
        self.store.add(row("model", "model"))
        self.catalog = LocalImageCatalog("cn-hangzhou", self.records.table("images"))
        self.ring = KeyRing(KeyPair("own", "not-a-secret"), lambda: NOW, self.records.table("keys"))
        self.services = ServiceStore(folder / "services")
        self.groups = Groups(self.services, self.records.table("groups"))
        self.jobs = JobStore(folder, lambda: NOW)
        self.queue = Queue(Amount())
        for _ in range(number):
            for work in self.works():
                work()

    def works(self) -> tuple[Callable[[], object], ...]:
        return (
            self.add_model,
            self.add_version,
            self.approve,
            self.look_for_the_version,
            self.add_image,
            self.issue_key,
            self.add_service,
            self.find_group,
            self.add_job,
            self.look_for_the_job,
            self.let_a_job_wait_and_another_begin,
        )

    def close(self) -> None:
        self.jobs.close()
        self.records.close()

    def add_model(self) -> None:
        self.number += 1
        assert self.store.add(row(f"m{self.number}", f"name{self.number}"))
        assert self.store.named("1", f"name{self.number}")

    def add_version(self) -> None:
        made = version(f"0.{self.number}.0", f"job{self.number}")
        self.store.add_version("model", lambda versions: (versions.greatest, made)[1])

    def approve(self) -> None:
        change_version(
            self.store, {"ModelId": "model"}, f"0.{self.number}.0", "2026", lambda _: {"ApprovalStatus": "A"}
        )

    def look_for_the_version(self) -> None:
        assert len(self.store.versions("model", f"job{self.number}")) == 1
        assert self.store.latest("model")

    def add_image(self) -> None:
        image = {"ImageId": f"image-{self.number}", "Name": f"i{self.number}", "WorkspaceId": "1"}
        assert self.catalog.add(image)

    def issue_key(self) -> None:
        self.ring.issue("acs:ram::1:role/r", "session", timedelta(hours=1))

    def add_service(self) -> None:
        assert self.services.add(service(f"s{self.number}", f"g{self.number}"))

    def find_group(self) -> None:
        assert self.groups.token(f"g{self.number}")

    def add_job(self) -> None:
        labels = [{"Key": "owner", "Value": str(self.number)}]
        self.jobs.create({"TrainingJobName": "job", "ComputeResource": {"EcsCount": 1}, "Labels": labels})

    def look_for_the_job(self) -> None:
        found, total = self.jobs.query({"Labels": f'{{"owner": "{self.number}"}}'})
        assert total == len(found) == 1

    def let_a_job_wait_and_another_begin(self) -> None:
        for number in range(2):
            self.queue.put(f"{self.number}-{number}", {"ComputeResource": {}})
        assert self.queue.take()


def service(name: str, group: str) -> ServiceRecord:
    config = {"name": name, "metadata": {"group": group}, "containers": [{"image": "a:1"}]}
    return changes.created(config, f"eas-m-{name}", "uid", "token", "2026-11-24T12:00:00Z", {})


def test_what_one_more_record_costs_does_not_grow_with_their_number(tmp_path: Path) -> None:
    few, many = Kept(tmp_path / "few", FEW), Kept(tmp_path / "many", MANY)
    for at_few, at_many in zip(few.works(), many.works(), strict=True):
        cost = lines_run(at_few)
        assert lines_run(at_many) <= 2 * cost, at_few
    few.close()
    many.close()
