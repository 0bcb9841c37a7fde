"""Buckets that are no buckets of this server's OSS: what a program that embeds a local PAI binds in their place.

Only the channels of jobs see them. No request reads or lists them, so a server that others can reach gives nothing of
its machine away.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.trees import download

_PART = ".part"


class BoundStorage(Protocol):
    """What stands in a bucket's place."""

    def download(self, key: str, folder: Path) -> int:
        """Write the object of a key, or everything for an empty one, into a folder and return how many files.

        Raises:
            OSError: it can't be had.
        """

    def shown(self, key: str) -> Path | None:
        """Return the file or folder of this machine that a job can be shown instead of a copy; None for none."""

    def store_file(self, key: str, path: Path, modified: int) -> bool:
        """Store a file and tell whether it was. See :meth:`OutputStore.store_file`.

        Raises:
            OSError: it can't be kept.
        """

    def delete_files(self, keys: Mapping[str, int]) -> None:
        """Delete files. See :meth:`OutputStore.delete_files`.

        Raises:
            OSError: they can't be deleted.
        """


class BoundObjects:
    """Objects of a store, and of places that are bound to further bucket names.

    Args:
        objects: the store.
        places: what is bound, by bucket name.
    """

    def __init__(self, objects: ObjectStore, places: Mapping[str, BoundStorage]) -> None:
        self._objects = objects
        self._places = places

    def download(self, bucket: str, prefix_or_key: str, folder: Path) -> int:
        """Write an object, or all of a prefix, into a folder. See :meth:`Objects.download`."""
        if bucket in self._places:
            folder.mkdir(parents=True, exist_ok=True)
            return self._places[bucket].download(prefix_or_key, folder)
        return download(self._objects, bucket, prefix_or_key, folder)

    def shown(self, bucket: str, prefix_or_key: str) -> Path | None:
        """Return what a job can be shown instead of a copy, see :meth:`BoundStorage.shown`."""
        return self._places[bucket].shown(prefix_or_key) if bucket in self._places else None

    def store_file(self, bucket: str, key: str, path: Path, modified: int) -> bool:
        """Store a file. See :meth:`OutputStore.store_file`."""
        if bucket in self._places:
            return self._places[bucket].store_file(key, path, modified)
        self._objects.put(bucket, key, path)
        return True

    def delete_files(self, bucket: str, keys: Mapping[str, int]) -> None:
        """Delete files. See :meth:`OutputStore.delete_files`."""
        if bucket in self._places:
            self._places[bucket].delete_files(keys)
        else:
            self._objects.delete_many(bucket, keys)


class LocalFolder:
    """A file or folder of this machine. Jobs are shown inputs read-only, and work on copies of outputs.

    Args:
        path: the file, or the folder; as a place for outputs made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def download(self, key: str, folder: Path) -> int:
        """Copy the file, or everything below the folder. See :meth:`BoundStorage.download`."""
        if key:
            shutil.copy(self._path, folder / key)
            return 1
        if not self._path.exists():
            return 0
        shutil.copytree(self._path, folder, dirs_exist_ok=True)
        return sum(1 for path in folder.rglob("*") if path.is_file())

    def shown(self, key: str) -> Path | None:  # noqa: ARG002
        """Return the file or folder; a folder with absolute links must be copied. See :meth:`BoundStorage.shown`."""
        if not self._path.exists():
            return None
        target = self._path.resolve()
        # They name paths of this machine, which a container does not have.
        links = (path for path in target.rglob("*") if path.is_symlink()) if target.is_dir() else ()
        return None if any(link.readlink().is_absolute() for link in links) else target

    def store_file(self, key: str, path: Path, modified: int) -> bool:
        """Copy one file, whole or not at all: the next job may read a checkpoint while this one's is being written.

        What another has written since stays: another job may have gone on from there.
        """
        if self._is_newer(key, modified):
            return False
        target = self._path / key
        if target.is_dir() and not target.is_symlink():
            # The job has put a file in the folder's place. Another's files in it are an error, and stay.
            for below in sorted((each for each in target.rglob("*") if each.is_dir()), reverse=True):
                below.rmdir()
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{secrets.token_hex(8)}{_PART}")
        try:
            shutil.copy(path, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return True

    def delete_files(self, keys: Mapping[str, int]) -> None:
        """Delete files, unless another changed them since. See :meth:`BoundStorage.delete_files`."""
        for key, modified in keys.items():
            path = self._path / key
            if not self._is_newer(key, modified) and (path.is_symlink() or not path.is_dir()):
                path.unlink(missing_ok=True)

    def _is_newer(self, key: str, modified: int) -> bool:
        path = self._path / key
        return path.is_file() and path.stat().st_mtime_ns > modified


class MountedFolder(LocalFolder):
    """A folder of this machine that stands in for a file system; keys are paths below it.

    Args:
        path: the folder.
    """

    def download(self, key: str, folder: Path) -> int:
        """Copy a file, or everything below a folder. See :meth:`BoundStorage.download`."""
        source = self._below(key)
        if source.is_file():
            return LocalFolder(source).download(source.name, folder)
        return LocalFolder(source).download("", folder)

    def shown(self, key: str) -> Path | None:
        """Return the file or folder. See :meth:`BoundStorage.shown`."""
        return LocalFolder(self._below(key)).shown("")

    def _below(self, key: str) -> Path:
        """Return what a key means.

        Raises:
            OSError: it leads out of the folder.
        """
        path = self._path / key
        if not path.resolve().is_relative_to(self._path.resolve()):
            raise OSError(f"{key} leads out of the folder that stands in for the file system")
        return path
