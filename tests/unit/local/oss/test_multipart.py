"""Uploads become one object, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss import crc64
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.multipart import MIN_PART_SIZE
from airflow_provider_pai.local.oss.objects import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path) as store:
        store.create_bucket("bkt")
        yield store


def add_part(store: ObjectStore, upload_id: str, number: int, content: bytes) -> str:
    with store.stage() as writer:
        writer.write(content)
        return store.uploads.put_part("bkt", "k", upload_id, number, writer.finish()).etag


def blobs(folder: Path) -> int:
    return len(list((folder / "blobs").iterdir()))


def test_parts_join_in_order_of_their_numbers_and_leave_one_file(store, tmp_path):
    upload = store.uploads.start("bkt", "k", {"content-type": "text/plain"})
    contents = {3: b"c", 1: b"a" * MIN_PART_SIZE, 2: b"b" * MIN_PART_SIZE}
    for number, content in contents.items():
        add_part(store, upload.upload_id, number, content)
    stored = store.uploads.complete("bkt", "k", upload.upload_id)
    whole = b"".join(contents[number] for number in sorted(contents))
    assert store.read("bkt", "k") == whole
    assert stored.crc64 == crc64.update(whole, 0)
    assert stored.headers == {"content-type": "text/plain"}
    assert blobs(tmp_path) == 1


def test_uploads_survive_a_restart(tmp_path):
    with ObjectStore(tmp_path) as store:
        store.create_bucket("bkt")
        upload = store.uploads.start("bkt", "k")
        add_part(store, upload.upload_id, 1, b"part")
    with ObjectStore(tmp_path) as store:
        store.uploads.complete("bkt", "k", upload.upload_id)
        assert store.read("bkt", "k") == b"part"


def test_an_aborted_or_refused_upload_leaves_no_bytes(store, tmp_path):
    upload = store.uploads.start("bkt", "k")
    add_part(store, upload.upload_id, 1, b"old")
    add_part(store, upload.upload_id, 1, b"new")
    for upload_id, number in (("unknown", 1), (upload.upload_id, 0)):
        with pytest.raises(OSSErrorResponse):
            add_part(store, upload_id, number, b"refused")
    assert blobs(tmp_path) == 1
    store.uploads.abort("bkt", "k", upload.upload_id)
    assert blobs(tmp_path) == 0


def test_an_upload_belongs_to_its_key(store):
    upload = store.uploads.start("bkt", "k")
    with pytest.raises(OSSErrorResponse, match="NoSuchUpload"):
        store.uploads.parts("bkt", "other", upload.upload_id)


def test_an_upload_without_parts_cannot_be_completed(store):
    upload = store.uploads.start("bkt", "k")
    with pytest.raises(OSSErrorResponse, match="MalformedXML"):
        store.uploads.complete("bkt", "k", upload.upload_id)


def test_a_bucket_with_an_upload_under_way_is_not_empty(store):
    store.uploads.start("bkt", "k")
    with pytest.raises(OSSErrorResponse, match="BucketNotEmpty"):
        store.delete_bucket("bkt")
