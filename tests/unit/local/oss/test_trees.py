"""Inputs reach a folder, and never leave it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.trees import download


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path / "store") as store:
        store.create_bucket("bkt")
        yield store


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put("bkt", key, io.BytesIO(key.encode()))


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_prefix_becomes_a_folder(store, tmp_path):
    put(store, "data/", "data/a", "data/sub/b c", "data/empty/", "database/x")
    assert download(store, "bkt", "data/", tmp_path / "in") == 2
    assert tree(tmp_path / "in") == {"a": b"data/a", "sub/b c": b"data/sub/b c"}
    assert (tmp_path / "in" / "empty").is_dir()


def test_a_key_becomes_a_file_of_its_last_name(store, tmp_path):
    put(store, "data/a", "data/ab")
    assert download(store, "bkt", "data/a", tmp_path / "in") == 1
    assert tree(tmp_path / "in") == {"a": b"data/a"}


def test_a_folder_is_found_without_its_slash(store, tmp_path):
    put(store, "data/a", "database")
    assert download(store, "bkt", "data", tmp_path / "in") == 1
    assert tree(tmp_path / "in") == {"a": b"data/a"}


def test_an_empty_prefix_is_an_empty_folder_and_an_absent_key_is_refused(store, tmp_path):
    assert download(store, "bkt", "data/", tmp_path / "in") == 0
    assert (tmp_path / "in").is_dir()
    with pytest.raises(OSSErrorResponse, match="NoSuchKey"):
        download(store, "bkt", "data", tmp_path / "in")


def test_more_keys_than_a_page_are_downloaded(store, tmp_path):
    put(store, *(f"data/{number}" for number in range(1001)))
    assert download(store, "bkt", "data/", tmp_path / "in") == 1001


@pytest.mark.parametrize("key", ["data/../../evil", "data/a/../b", "data//etc/passwd", "data/./x"])
def test_a_key_that_leads_out_of_the_folder_is_refused(store, tmp_path, key):
    put(store, key)
    with pytest.raises(OSSErrorResponse, match="InvalidObjectName"):
        download(store, "bkt", "data/", tmp_path / "deep" / "in")
    assert tree(tmp_path / "deep") == {}
    assert not (tmp_path / "evil").exists()


def test_a_grown_object_is_downloaded_without_what_an_interrupted_append_left(store, tmp_path):
    stored = store.append("bkt", "log", 0, io.BytesIO(b"first"))
    with (tmp_path / "store" / "blobs" / stored.blob).open("ab") as blob:
        blob.write(b"half-written")
    download(store, "bkt", "log", tmp_path / "in")
    assert tree(tmp_path / "in") == {"log": b"first"}


def test_links_become_files_with_their_targets_bytes(store, tmp_path):
    put(store, "models/v2/weights")
    store.put_link("bkt", "data/latest", "models/v2/weights")
    assert download(store, "bkt", "data/", tmp_path / "folder") == 1
    assert download(store, "bkt", "data/latest", tmp_path / "file") == 1
    assert tree(tmp_path / "folder") == tree(tmp_path / "file") == {"latest": b"models/v2/weights"}


def test_a_link_that_leads_nowhere_is_no_input(store, tmp_path):
    store.put_link("bkt", "data/latest", "absent")
    with pytest.raises(OSSErrorResponse, match="SymlinkTargetNotExist"):
        download(store, "bkt", "data/", tmp_path)
