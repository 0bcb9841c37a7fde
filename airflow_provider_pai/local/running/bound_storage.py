"""Buckets that are no buckets of this server's OSS: what a program that embeds a local PAI binds in their workspace.

Only the channels of jobs see them. No request reads or lists them, so a server that others can reach gives nothing of
its machine away.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from airflow_provider_pai.local.oss.trees import Stamps, stamps
from airflow_provider_pai.local.running.preparation import Objects

logger = logging.getLogger(__name__)

_PART = ".part"


class BoundStorage(Protocol):
    """What stands in a bucket's workspace."""

    def download(self, key: str, folder: Path) -> int:
        """Write the object of a key, or everything for an empty one, into a folder and return how many files.

        Raises:
            OSError: it can't be had.
        """

    def shown(self, key: str) -> Path | None:
        """Return the file or folder of this machine that a job can be shown instead of a copy; None for none."""

    def upload_tree(self, key: str, folder: Path, root: Path, before: Stamps) -> int:
        """Take over what changed in a folder and return how many files; see :func:`upload_tree` of local OSS.

        Raises:
            OSError: it can't be kept.
        """


class BoundObjects:
    """Objects of a store, and of places that are bound to further bucket names.

    Args:
        objects: the store.
        places: what is bound, by bucket name.
    """

    def __init__(self, objects: Objects, places: Mapping[str, BoundStorage]) -> None:
        self._objects = objects
        self._places = places

    def download(self, bucket: str, prefix_or_key: str, folder: Path) -> int:
        """Write an object, or all of a prefix, into a folder. See :meth:`Objects.download`."""
        if bucket in self._places:
            folder.mkdir(parents=True, exist_ok=True)
            return self._places[bucket].download(prefix_or_key, folder)
        return self._objects.download(bucket, prefix_or_key, folder)

    def shown(self, bucket: str, prefix_or_key: str) -> Path | None:
        """Return what a job can be shown instead of a copy, see :meth:`BoundStorage.shown`."""
        return self._places[bucket].shown(prefix_or_key) if bucket in self._places else None

    def upload_tree(self, bucket: str, prefix: str, folder: Path, root: Path, before: Stamps | None = None) -> int:
        """Store what changed in a folder. See :meth:`Objects.upload_tree`."""
        if bucket in self._places:
            return self._places[bucket].upload_tree(prefix, folder, root, before or {})
        return self._objects.upload_tree(bucket, prefix, folder, root, before)


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
        """Return the file or folder. See :meth:`BoundStorage.shown`."""
        return self._path if self._path.exists() else None

    def upload_tree(self, key: str, folder: Path, root: Path, before: Stamps) -> int:  # noqa: ARG002
        """Copy new and changed files, and delete those that the job deleted. See :meth:`BoundStorage.upload_tree`.

        What somebody else has written since stays: another job may have gone on from there.
        """
        found = stamps(folder, root)
        self._path.mkdir(parents=True, exist_ok=True)
        for relative, (_, modified) in before.items():
            left = folder / relative
            if (left.is_dir() or not os.path.lexists(left)) and not self._is_newer(relative, modified):
                (self._path / relative).unlink(missing_ok=True)
        changed = [relative for relative, stamp in found.items() if before.get(relative) != stamp]
        stored = [relative for relative in changed if self._store(relative, folder, found[relative][1])]
        return len(stored)

    def _store(self, relative: str, folder: Path, modified: int) -> bool:
        """Copy one file, whole or not at all: the next job may read a checkpoint while this one's is being written."""
        if self._is_newer(relative, modified):
            logger.warning("%s was changed by somebody else meanwhile, and stays as it is", self._path / relative)
            return False
        target = self._path / relative
        if target.is_dir() and not target.is_symlink():
            # The job has put a file in the folder's workspace. Somebody else's files in it are an error, and stay.
            for below in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
                below.rmdir()
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{secrets.token_hex(8)}{_PART}")
        try:
            shutil.copy(folder / relative, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return True

    def _is_newer(self, relative: str, modified: int) -> bool:
        path = self._path / relative
        return path.is_file() and path.stat().st_mtime_ns > modified
