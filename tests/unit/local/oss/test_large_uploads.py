"""A large upload in parts is not written twice: its parts stay the files that they are, and are one object."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss import crc64
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.multipart import MIN_PART_SIZE
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.trees import download

PART = 3_000_001
CONTENT = random.Random(1).randbytes(2 * PART + 17)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path / "store") as store:
        store.create_bucket("bkt")
        yield store


def add_part(store: ObjectStore, upload_id: str, number: int, content: bytes) -> str:
    with store.stage() as writer:
        writer.write(content)
        return store.uploads.put_part("bkt", "k", upload_id, number, writer.finish()).etag


def begin(store: ObjectStore) -> str:
    upload_id = store.uploads.start("bkt", "k").upload_id
    for number, start in enumerate(range(0, len(CONTENT), PART), start=1):
        add_part(store, upload_id, number, CONTENT[start : start + PART])
    return upload_id


def uploaded(store: ObjectStore) -> StoredObject:
    return store.uploads.complete("bkt", "k", begin(store))


def inodes(store: Path) -> set[int]:
    return {each.stat().st_ino for each in (store / "blobs").iterdir()}


def test_no_byte_is_written_a_second_time(store: ObjectStore, tmp_path: Path) -> None:
    upload_id = begin(store)
    written = inodes(tmp_path / "store")
    stored = store.uploads.complete("bkt", "k", upload_id)
    assert inodes(tmp_path / "store") == written
    assert (stored.size, stored.crc64) == (len(CONTENT), crc64.update(CONTENT, 0))


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (5, 10), (PART - 3, PART + 3), (PART, 2 * PART), (1, len(CONTENT) - 1)]
)
def test_the_parts_are_read_as_one_object(store: ObjectStore, start: int, end: int | None) -> None:
    uploaded(store)
    assert store.read("bkt", "k", start, end) == CONTENT[start:end]


def test_a_copy_and_a_job_s_input_are_the_whole_object(store: ObjectStore, tmp_path: Path) -> None:
    uploaded(store)
    store.copy("bkt", "k", "bkt", "copy")
    assert store.read("bkt", "copy") == CONTENT
    download(store, "bkt", "k", tmp_path / "input")
    assert (tmp_path / "input" / "k").read_bytes() == CONTENT


def test_an_object_of_parts_survives_a_restart_which_sweeps_what_nothing_refers_to(tmp_path: Path) -> None:
    with ObjectStore(tmp_path) as store:
        store.create_bucket("bkt")
        uploaded(store)
        (tmp_path / "blobs" / "orphan").write_bytes(b"x")
    with ObjectStore(tmp_path) as store:
        assert store.read("bkt", "k") == CONTENT
        assert len(inodes(tmp_path)) == 3


@pytest.mark.parametrize("is_replaced", [False, True])
def test_nothing_is_left_of_an_object_of_parts_that_is_deleted_or_replaced(
    store: ObjectStore, tmp_path: Path, is_replaced: bool
) -> None:
    uploaded(store)
    with store.open("bkt", "k")[1] as opened:
        if is_replaced:
            with store.stage() as writer:
                writer.write(b"new")
                store.put_blob("bkt", "k", writer.finish())
        else:
            store.delete("bkt", "k")
        assert opened.read() == CONTENT
    assert len(inodes(tmp_path / "store")) == is_replaced


def test_parts_that_were_not_chosen_are_removed(store: ObjectStore, tmp_path: Path) -> None:
    upload_id = begin(store)
    chosen = [(part.number, part.etag) for part in store.uploads.parts("bkt", "k", upload_id)][:2]
    store.uploads.complete("bkt", "k", upload_id, chosen)
    assert store.read("bkt", "k") == CONTENT[: 2 * PART]
    assert len(inodes(tmp_path / "store")) == 2


def test_an_upload_stays_as_it_was_when_its_completion_is_refused(store: ObjectStore) -> None:
    upload_id = begin(store)
    with store.stage() as writer:
        store.put_blob("bkt", "k", writer.finish())
    with pytest.raises(OSSErrorResponse, match="FileAlreadyExists"):
        store.uploads.complete("bkt", "k", upload_id, forbid_overwrite=True)
    store.uploads.complete("bkt", "k", upload_id)
    assert store.read("bkt", "k") == CONTENT


def test_a_part_that_is_sent_anew_while_the_upload_is_completed_refuses_that(store: ObjectStore) -> None:
    upload_id = begin(store)

    class Meanwhile(Mapping[str, str]):
        """Headers that a part is sent anew for when they are read, in the middle of the completion."""

        def __getitem__(self, name: str) -> str:
            raise KeyError(name)

        def __iter__(self) -> Iterator[str]:
            add_part(store, upload_id, 1, b"n" * PART)
            return iter(())

        def __len__(self) -> int:
            return 1

    with pytest.raises(OSSErrorResponse, match="InvalidPart"):
        store.uploads.complete("bkt", "k", upload_id, headers=Meanwhile())
    store.uploads.complete("bkt", "k", upload_id)
    assert store.read("bkt", "k") == b"n" * PART + CONTENT[PART:]


def test_very_many_parts_become_one_file_so_that_few_are_open_at_a_time(store: ObjectStore, tmp_path: Path) -> None:
    upload_id = store.uploads.start("bkt", "k").upload_id
    for number in range(1, 41):
        add_part(store, upload_id, number, bytes([number]) * 2 * MIN_PART_SIZE)
    store.uploads.complete("bkt", "k", upload_id)
    assert len(inodes(tmp_path / "store")) == 1
    assert store.read("bkt", "k") == b"".join(bytes([number]) * 2 * MIN_PART_SIZE for number in range(1, 41))
