"""Inputs reach a folder and outputs reach the store, and neither leaves its place."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.trees import ObjectTrees, stamps


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
    assert ObjectTrees(store).download("bkt", "data/", tmp_path / "in") == 2
    assert tree(tmp_path / "in") == {"a": b"data/a", "sub/b c": b"data/sub/b c"}
    assert (tmp_path / "in" / "empty").is_dir()


def test_a_key_becomes_a_file_of_its_last_name(store, tmp_path):
    put(store, "data/a", "data/ab")
    assert ObjectTrees(store).download("bkt", "data/a", tmp_path / "in") == 1
    assert tree(tmp_path / "in") == {"a": b"data/a"}


def test_a_folder_is_found_without_its_slash(store, tmp_path):
    put(store, "data/a", "database")
    assert ObjectTrees(store).download("bkt", "data", tmp_path / "in") == 1
    assert tree(tmp_path / "in") == {"a": b"data/a"}


def test_an_empty_prefix_is_an_empty_folder_and_an_absent_key_is_refused(store, tmp_path):
    assert ObjectTrees(store).download("bkt", "data/", tmp_path / "in") == 0
    assert (tmp_path / "in").is_dir()
    with pytest.raises(OSSErrorResponse, match="NoSuchKey"):
        ObjectTrees(store).download("bkt", "data", tmp_path / "in")


def test_more_keys_than_a_page_are_downloaded(store, tmp_path):
    put(store, *(f"data/{number}" for number in range(1001)))
    assert ObjectTrees(store).download("bkt", "data/", tmp_path / "in") == 1001


@pytest.mark.parametrize("key", ["data/../../evil", "data/a/../b", "data//etc/passwd", "data/./x"])
def test_a_key_that_leads_out_of_the_folder_is_refused(store, tmp_path, key):
    put(store, key)
    with pytest.raises(OSSErrorResponse, match="InvalidObjectName"):
        ObjectTrees(store).download("bkt", "data/", tmp_path / "deep" / "in")
    assert tree(tmp_path / "deep") == {}
    assert not (tmp_path / "evil").exists()


def test_a_grown_object_is_downloaded_without_what_an_interrupted_append_left(store, tmp_path):
    stored = store.append("bkt", "log", 0, io.BytesIO(b"first"))
    with (tmp_path / "store" / "blobs" / stored.blob).open("ab") as blob:
        blob.write(b"half-written")
    ObjectTrees(store).download("bkt", "log", tmp_path / "in")
    assert tree(tmp_path / "in") == {"log": b"first"}


def test_a_folder_is_stored_below_a_prefix(store, tmp_path):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "a b").write_bytes(b"1")
    (out / "sub" / ".hidden").write_bytes(b"2")
    assert ObjectTrees(store).upload_tree("bkt", "models/m1", out, tmp_path) == 2
    assert [stored.key for stored in store.list_objects("bkt").objects] == ["models/m1/a b", "models/m1/sub/.hidden"]
    assert ObjectTrees(store).upload_tree("bkt", "", out, tmp_path) == 2
    assert store.read("bkt", "sub/.hidden") == b"2"


def test_a_missing_folder_has_no_files(store, tmp_path):
    assert ObjectTrees(store).upload_tree("bkt", "p/", tmp_path / "missing", tmp_path) == 0


def test_links_are_followed_inside_the_folder_and_left_out_when_they_lead_outside(store, tmp_path, caplog):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "model").write_bytes(b"1")
    (tmp_path / "secret").write_bytes(b"2")
    (out / "latest").symlink_to("model")
    (out / "outside").symlink_to(tmp_path / "secret")
    (out / "broken").symlink_to("nowhere")
    (out / "folder").symlink_to("sub")
    with caplog.at_level(logging.WARNING):
        assert ObjectTrees(store).upload_tree("bkt", "", out, tmp_path) == 2
    assert [stored.key for stored in store.list_objects("bkt").objects] == ["latest", "model"]
    assert {record.args[0].name for record in caplog.records} == {"outside", "broken", "folder"}


@pytest.mark.parametrize("replaced", ["job", "job/ml", "job/ml/output", "job/ml/output/model"])
@pytest.mark.parametrize("target", ["secrets", "/", "/proc"])
def test_a_folder_that_became_a_link_is_not_stored(store, tmp_path, replaced, target):
    (tmp_path / "secrets" / "ml" / "output" / "model").mkdir(parents=True)
    (tmp_path / "secrets" / "ml" / "output" / "model" / "key").write_bytes(b"secret")
    link = tmp_path / replaced
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / target)
    with pytest.raises(NotADirectoryError, match="replaced by a link"):
        ObjectTrees(store).upload_tree("bkt", "m/", tmp_path / "job/ml/output/model", tmp_path / "job")
    assert not store.list_objects("bkt").objects


def test_a_file_in_the_place_of_the_folder_is_refused(store, tmp_path):
    put(store, "m/a")
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        ObjectTrees(store).upload_tree("bkt", "m/", tmp_path / "out", tmp_path, {"a": (3, 1)})
    assert store.read("bkt", "m/a") == b"m/a"


def test_links_in_a_circle_are_left_out(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "circle").symlink_to("circle")
    assert ObjectTrees(store).upload_tree("bkt", "", tmp_path / "out", tmp_path) == 0


def test_only_what_changed_is_stored_and_only_what_was_downloaded_and_is_gone_is_deleted(store, tmp_path):
    out = tmp_path / "out"
    put(store, "c/same", "c/changed", "c/deep/gone")
    ObjectTrees(store).download("bkt", "c/", out)
    before = stamps(out, tmp_path)
    assert set(before) == {"same", "changed", "deep/gone"}
    store.put("bkt", "c/same", io.BytesIO(b"of another job"))
    put(store, "c/late")
    (out / "changed").write_bytes(b"changed")
    os.utime(out / "changed", ns=(0, before["changed"][1] + 1))
    (out / "deep" / "gone").unlink()
    (out / "new").write_bytes(b"new")
    assert ObjectTrees(store).upload_tree("bkt", "c/", out, tmp_path, before) == 2
    found = {stored.key: store.read("bkt", stored.key) for stored in store.list_objects("bkt").objects}
    assert found == {"c/same": b"of another job", "c/late": b"c/late", "c/changed": b"changed", "c/new": b"new"}


def test_a_file_that_became_a_link_to_elsewhere_keeps_its_object(store, tmp_path):
    put(store, "c/a")
    ObjectTrees(store).download("bkt", "c/", tmp_path / "out")
    before = stamps(tmp_path / "out", tmp_path)
    (tmp_path / "out" / "a").unlink()
    (tmp_path / "out" / "a").symlink_to("/proc/self/environ")
    assert ObjectTrees(store).upload_tree("bkt", "c/", tmp_path / "out", tmp_path, before) == 0
    assert store.read("bkt", "c/a") == b"c/a"


def test_links_become_files_with_their_targets_bytes(store, tmp_path):
    put(store, "models/v2/weights")
    store.put_link("bkt", "data/latest", "models/v2/weights")
    assert ObjectTrees(store).download("bkt", "data/", tmp_path / "folder") == 1
    assert ObjectTrees(store).download("bkt", "data/latest", tmp_path / "file") == 1
    assert tree(tmp_path / "folder") == tree(tmp_path / "file") == {"latest": b"models/v2/weights"}


def test_a_link_that_leads_nowhere_is_no_input(store, tmp_path):
    store.put_link("bkt", "data/latest", "absent")
    with pytest.raises(OSSErrorResponse, match="SymlinkTargetNotExist"):
        ObjectTrees(store).download("bkt", "data/", tmp_path)
