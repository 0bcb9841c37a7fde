"""Folders and prefixes: inputs of a job onto the disk, its outputs into the store."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pai.local.oss.blobs import CHUNK
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.names import local_path
from airflow_provider_pai.local.oss.refusals import OSSRefusal

if TYPE_CHECKING:
    from airflow_provider_pai.local.oss.objects import ObjectStore

logger = logging.getLogger(__name__)


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
        OSSRefusal: NoSuchBucket; NoSuchKey: neither object nor prefix; InvalidObjectName: a key leads out of the
            folder, or can't be a file's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not prefix_or_key or prefix_or_key.endswith("/"):
        return _write_all(store, bucket, prefix_or_key, folder)
    try:
        _write(store, bucket, prefix_or_key, local_path(folder, prefix_or_key.rpartition("/")[2]))
    except OSSRefusal as refusal:
        prefix = prefix_or_key + "/"
        if refusal.code == "NoSuchKey" and store.list_objects(bucket, prefix, max_keys=1).objects:
            return _write_all(store, bucket, prefix, folder)
        raise
    return 1


def upload_tree(store: ObjectStore, bucket: str, prefix: str, folder: Path) -> int:
    """Store all files below a folder under a prefix.

    A link counts as the file it points to when that lies in the folder; other links are left out with a warning, so
    that a job can't publish files from outside its outputs.

    Args:
        store: where to.
        bucket: the bucket.
        prefix: empty, or the keys' beginning; a missing slash at its end is added.
        folder: the folder; a missing one has no files.

    Returns:
        How many files were stored.

    Raises:
        OSSRefusal: NoSuchBucket; InvalidObjectName: a path is no valid key.
        OSError: a file can't be read.
    """
    beginning = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    stored = 0
    for path in _files(folder):
        store.put(bucket, beginning + path.relative_to(folder).as_posix(), path)
        stored += 1
    return stored


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


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names + [entry for entry in folders if (Path(parent) / entry).is_symlink()]):
            path = Path(parent) / name
            if path.is_symlink() and not (path.resolve().is_relative_to(root) and path.is_file()):
                logger.warning("%s is a link to what is no file of this folder and is not uploaded", path)
            elif path.is_file():
                yield path
