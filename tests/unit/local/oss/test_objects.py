"""The store keeps what it was given, whole, or not at all."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss.acl import ACL
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.index import ObjectKind
from airflow_provider_pai.local.oss.objects import ObjectStore

# Writes "k" once, then again without an end, in the way named by its second argument.


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(home: Path) -> Iterator[ObjectStore]:
    with ObjectStore(home, clock=lambda: 1_735_787_045.9) as store:
        store.create_bucket("bkt")
        yield store


def files(home: Path) -> list[Path]:
    return [path for folder in ("blobs", "staging") for path in (home / folder).iterdir()]


def test_an_append_cut_off_before_the_index_knew_it_changes_nothing(home):
    with ObjectStore(home) as store:
        store.create_bucket("bkt")
        stored = store.append("bkt", "k", 0, io.BytesIO(b"first"))
        with (home / "blobs" / stored.blob).open("ab") as blob:
            blob.write(b"half-written")
        assert store.read("bkt", "k") == b"first"
        assert store.append("bkt", "k", 5, io.BytesIO(b" second")).size == 12
        assert store.read("bkt", "k") == b"first second"


def test_blobs_that_nothing_refers_to_are_removed_at_start(home):
    with ObjectStore(home) as store:
        store.create_bucket("bkt")
        store.put("bkt", "k", io.BytesIO(b"content"))
        with store.stage() as writer:
            writer.finish()
        assert len(files(home)) == 2
    with ObjectStore(home) as store:
        assert len(files(home)) == 1
        assert store.read("bkt", "k") == b"content"


def test_overwriting_deleting_and_refusing_leave_no_bytes_behind(store, home):
    for content in (b"first", b"second"):
        store.put("bkt", "k", io.BytesIO(content))
    assert len(files(home)) == 1
    with pytest.raises(OSSErrorResponse, match="FileAlreadyExists"):
        store.put("bkt", "k", io.BytesIO(b"third"), forbid_overwrite=True)
    with pytest.raises(OSSErrorResponse, match="NoSuchBucket"):
        store.put("other", "k", io.BytesIO(b"third"))
    with pytest.raises(OSSErrorResponse, match="PositionNotEqualToLength"):
        store.append("bkt", "log", 7, io.BytesIO(b"third"))
    assert store.read("bkt", "k") == b"second"
    store.delete("bkt", "k")
    assert files(home) == []


def test_a_failing_source_leaves_nothing_behind(store, home):
    class Failing(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        store.put("bkt", "k", Failing())
    assert files(home) == []


def test_what_was_opened_stays_readable_when_it_is_deleted(store):
    store.put("bkt", "k", io.BytesIO(b"content"))
    stored, opened = store.open("bkt", "k")
    with opened:
        store.delete("bkt", "k")
        assert opened.read(stored.size) == b"content"


def test_parts_of_an_object_can_be_read(store):
    store.put("bkt", "k", io.BytesIO(b"0123456789"))
    assert store.read("bkt", "k", 2, 5) == b"234"
    assert store.read("bkt", "k", 8) == b"89"
    assert store.read("bkt", "k", 8, 100) == b"89"
    assert store.read("bkt", "k", 20) == b""


def test_times_come_from_the_clock_in_whole_seconds(store):
    assert store.put("bkt", "k", io.BytesIO(b"")).modified == 1_735_787_045
    assert store.bucket("bkt").created == 1_735_787_045


def test_of_many_writers_who_forbid_overwriting_one_wins(store):
    outcomes: list[str] = []

    def write(name: str) -> None:
        try:
            store.put("bkt", "k", io.BytesIO(name.encode()), forbid_overwrite=True)
        except OSSErrorResponse as refusal:
            outcomes.append(refusal.code)
        else:
            outcomes.append(name)

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome != "FileAlreadyExists"]
    assert len(outcomes) == 8
    assert store.read("bkt", "k") == winner.encode()


def test_a_copy_of_a_grown_object_is_an_ordinary_one(store):
    store.append("bkt", "log", 0, io.BytesIO(b"one "))
    store.append("bkt", "log", 4, io.BytesIO(b"two"))
    copied = store.copy("bkt", "log", "bkt", "copy")
    assert (copied.kind, copied.size) == (ObjectKind.NORMAL, 7)
    assert copied.crc64 == store.head("bkt", "log").crc64
    store.delete("bkt", "log")
    assert store.read("bkt", "copy") == b"one two"


def test_links_acls_and_tags_survive_a_restart(home):
    with ObjectStore(home) as store:
        store.create_bucket("bkt")
        store.put("bkt", "k", io.BytesIO(b"content"))
        store.put_link("bkt", "link", "k")
        store.attributes.set_object_acl("bkt", "k", ACL.PUBLIC_READ)
        store.attributes.set_tags("bkt", "k", [("a", "b")])
        store.attributes.set_bucket_acl("bkt", ACL.PUBLIC_READ_WRITE)
    with ObjectStore(home) as store:
        assert store.read("bkt", "link") == b"content"
        assert store.attributes.object_acl("bkt", "k") is ACL.PUBLIC_READ
        assert store.attributes.tags("bkt", "k") == {"a": "b"}
        assert store.attributes.bucket_acl("bkt") is ACL.PUBLIC_READ_WRITE


def test_changing_attributes_leaves_the_time_of_modification(home):
    now = [1_735_787_045.0]
    with ObjectStore(home, clock=lambda: now[0]) as store:
        store.create_bucket("bkt")
        before = store.put("bkt", "k", io.BytesIO(b"content"))
        now[0] += 100
        store.attributes.set_tags("bkt", "k", [("a", "b")])
        store.attributes.set_object_acl("bkt", "k", ACL.PRIVATE)
        assert store.head("bkt", "k").modified == before.modified
        assert store.read("bkt", "k") == b"content"


def test_a_link_is_as_new_as_the_newer_of_itself_and_its_target(home):
    now = [1000.0]
    with ObjectStore(home, clock=lambda: now[0]) as store:
        store.create_bucket("bkt")
        store.put_link("bkt", "link", "k")
        now[0] = 2000.0
        store.put("bkt", "k", io.BytesIO(b"content"))
        assert store.resolve("bkt", "link").modified == 2000
        now[0] = 3000.0
        store.put_link("bkt", "link", "k")
        assert store.resolve("bkt", "link").modified == 3000
        assert store.resolve("bkt", "k").modified == 2000
