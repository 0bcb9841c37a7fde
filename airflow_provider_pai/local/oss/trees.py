"""Folders and prefixes: inputs of a job onto the disk, its outputs into the store."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from airflow_provider_pai.local.oss.blobs import CHUNK
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.names import local_path
from airflow_provider_pai.local.oss.objects import ObjectStore

logger = logging.getLogger(__name__)

Stamps = Mapping[str, tuple[int, int]]
"""Size in bytes and time of modification in nanoseconds of a folder's files, by path below the folder."""


class ObjectTrees:
    """Copies folders out of a store and into it.

    Args:
        store: the store.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def download(self, bucket: str, prefix_or_key: str, folder: Path) -> int:
        """Write objects into a folder and return how many; see :func:`download`."""
        return download(self._store, bucket, prefix_or_key, folder)

    def upload_tree(self, bucket: str, prefix: str, folder: Path, root: Path, before: Stamps | None = None) -> int:
        """Store a folder's changed files and return how many; see :func:`upload_tree`."""
        return upload_tree(self._store, bucket, prefix, folder, root, before)


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


def stamps(folder: Path, root: Path) -> dict[str, tuple[int, int]]:
    """Return what :func:`upload_tree` needs to find out later which files of a folder changed.

    Args:
        folder: the folder; a missing one has no files.
        root: see :func:`upload_tree`.

    Raises:
        OSError: a file can't be read, or the folder is none of the root's.
    """
    return {path.relative_to(folder).as_posix(): _stamp(path) for path in _files(folder, root)}


def upload_tree(
    store: ObjectStore, bucket: str, prefix: str, folder: Path, root: Path, before: Stamps | None = None
) -> int:
    """Bring a prefix up to date with a folder: store the files that are new or changed, delete those that are gone.

    A link counts as the file it points to when that lies in the folder; other links are left out with a warning, so
    that a job can't publish files from outside its outputs.

    Args:
        store: where to.
        bucket: the bucket.
        prefix: empty, or the keys' beginning; a missing slash at its end is added.
        folder: the folder; a missing one has no files.
        root: a folder around it whose place is trusted. It, the folder and all between them must be real folders: what
            a job replaced by a link, to wherever it likes, is not followed.
        before: what was downloaded from the prefix into the folder; only these keys are ever deleted.

    Returns:
        How many files were stored.

    Raises:
        OSSErrorResponse: NoSuchBucket; InvalidObjectName: a path is no valid key.
        OSError: a file can't be read, or the folder is none of the root's; nothing was deleted.
    """
    known = before or {}
    beginning = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    stored = 0
    for path in _files(folder, root):
        relative = path.relative_to(folder).as_posix()
        if known.get(relative) != _stamp(path):
            store.put(bucket, beginning + relative, path)
            stored += 1
    gone = [beginning + relative for relative in known if not os.path.lexists(folder / relative)]
    if gone:
        store.delete_many(bucket, gone)
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


def _files(folder: Path, root: Path) -> Iterator[Path]:
    _check_real(folder, root)
    if not folder.exists():
        return
    inside = os.path.realpath(folder)
    # A folder that can't be read must not count as one whose files are gone.
    for parent, folders, names in os.walk(folder, onerror=_fail):
        folders.sort()
        for name in sorted(names + [entry for entry in folders if (Path(parent) / entry).is_symlink()]):
            path = Path(parent) / name
            # Path.resolve refuses links in a circle, until Python 3.13.
            if path.is_symlink() and not (Path(os.path.realpath(path)).is_relative_to(inside) and path.is_file()):
                logger.warning("%s is a link to what is no file of this folder and is not uploaded", path)
            elif path.is_file():
                yield path


def _check_real(folder: Path, root: Path) -> None:
    for depth in range(len(folder.relative_to(root).parts) + 1):
        path = folder.parents[depth - 1] if depth else folder
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise NotADirectoryError(errno.ENOTDIR, "It was replaced by a link or a file", str(path))


def _fail(error: OSError) -> None:
    raise error


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
