"""Prefixes onto the disk: the inputs of a job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_pai.local.oss.blobs import CHUNK
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.names import local_path
from airflow_provider_pai.local.oss.objects import ObjectStore


def download(store: ObjectStore, bucket: str, prefix_or_key: str, folder: Path) -> int:
    """Write an object, or all objects of a prefix, into a folder.

    Args:
        store: where the objects are.
        bucket: their bucket.
        prefix_or_key: empty or ending in ``/``: everything below it, in folders. Else the object of that key under its
            last name; when there is none, everything below ``prefix_or_key + "/"``.
        folder: where to; made when missing.

    Returns:
        How many files were written; folder markers (keys ending in ``/``) become folders and don't count.

    Raises:
        OSSErrorResponse: NoSuchBucket; NoSuchKey: neither object nor prefix; InvalidObjectName: a key leads out of the
            folder, or can't be a file's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not prefix_or_key or prefix_or_key.endswith("/"):
        return _write_all(store, bucket, prefix_or_key, folder)
    try:
        _write(store, bucket, prefix_or_key, local_path(folder, prefix_or_key.rpartition("/")[2]))
    except OSSErrorResponse as error:
        prefix = prefix_or_key + "/"
        if error.code == "NoSuchKey" and store.list_objects(bucket, prefix, max_keys=1).objects:
            return _write_all(store, bucket, prefix, folder)
        raise
    return 1


def _write_all(store: ObjectStore, bucket: str, prefix: str, folder: Path) -> int:
    written = 0
    for stored in _below(store, bucket, prefix):
        relative = stored.key.removeprefix(prefix)
        if relative.endswith("/"):
            local_path(folder, relative[:-1]).mkdir(parents=True, exist_ok=True)
        elif relative:
            _write(store, bucket, stored.key, local_path(folder, relative))
            written += 1
    return written


def _below(store: ObjectStore, bucket: str, prefix: str) -> Iterator[StoredObject]:
    marker = ""
    while True:
        page = store.list_objects(bucket, prefix, marker=marker)
        yield from page.objects
        if not page.truncated:
            return
        marker = page.next_marker


def _write(store: ObjectStore, bucket: str, key: str, path: Path) -> None:
    stored, source = store.open(bucket, key)
    with source:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
            # An interrupted append may have left bytes behind the object's end.
            target.truncate(stored.size)
