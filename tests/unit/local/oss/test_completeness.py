"""A store's folder that lacks a part is refused, and nothing in it is swept."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from airflow_provider_pai.local.home import HomeDamaged
from airflow_provider_pai.local.oss.objects import ObjectStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with ObjectStore(tmp_path) as store:
        store.create_bucket("bkt")
        for number in range(3):
            store.put("bkt", f"k{number}", io.BytesIO(b"bytes"))
    return tmp_path


def _blobs(folder: Path) -> list[Path]:
    return sorted((folder / "blobs").iterdir())


def _lose_index(folder: Path) -> None:
    for file in folder.glob("index.sqlite3*"):
        file.unlink()


def _empty_index(folder: Path) -> None:
    _lose_index(folder)
    (folder / "index.sqlite3").touch()


def _forget_rows(folder: Path) -> None:
    with sqlite3.connect(folder / "index.sqlite3") as db:
        for table in ("objects", "buckets"):
            db.execute(f"DELETE FROM {table}")
    db.close()


@pytest.mark.parametrize("harm", [_lose_index, _empty_index, _forget_rows])
def test_bytes_without_an_index_are_damage_and_stay(folder: Path, harm) -> None:
    harm(folder)
    for _ in range(2):
        with pytest.raises(HomeDamaged, match=r"is damaged: it holds the bytes of 3 objects, but .* is empty"):
            ObjectStore(folder)
    assert len(_blobs(folder)) == 3


def test_an_index_without_bytes_is_damage(folder: Path) -> None:
    _blobs(folder)[0].unlink()
    with pytest.raises(HomeDamaged, match="lacks the bytes of 1 objects"):
        ObjectStore(folder)
    assert len(_blobs(folder)) == 2


def test_bytes_that_a_killed_server_had_not_named_yet_are_swept(folder: Path) -> None:
    (folder / "blobs" / "orphan").write_bytes(b"x")
    (folder / "staging" / "half").write_bytes(b"x")
    with ObjectStore(folder) as store:
        assert store.read("bkt", "k0") == b"bytes"
    assert (len(_blobs(folder)), list((folder / "staging").iterdir())) == (3, [])


def test_an_empty_store_is_complete(tmp_path: Path) -> None:
    for _ in range(2):
        ObjectStore(tmp_path).close()
