"""Storing what a job wrote into its output channels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.running.output_files import (
    JobRoot,
    OutputFiles,
    Stamps,
    find_output_files,
    shown_name,
    stamp,
    stamps,
)
from airflow_provider_pai.model.training.container import Mount, RunPlan

_NAMED = 3
"""Files that a message names; the job's log names all of them."""


class OutputStore(Protocol):
    """Where outputs go, as far as jobs need it."""

    def store_file(self, bucket: str, key: str, path: Path, modified: int) -> bool:
        """Store a file and tell whether it was; False when another has changed what is stored since.

        Raises:
            OSSErrorResponse: it can't be an object of this key.
            OSError: it can't be read or written.
        """

    def delete_files(self, bucket: str, keys: Mapping[str, int]) -> None:
        """Delete files, each with the time that it was modified when the job got it, unless another changed it since.

        Raises:
            OSSErrorResponse: there is no such bucket.
            OSError: they can't be deleted.
        """


class OutputsLost(Exception):
    """Outputs of a job can't be stored; the text names them."""


def store_outputs(plan: RunPlan, work: WorkFolder, store: OutputStore, say: Callable[[str], None]) -> Iterator[str]:
    """Store what the job wrote into its output channels, and delete there what it deleted.

    PAI mounts them, so what the job didn't touch stays as it is by now: another job may have written it. What can't be
    stored keeps nothing else from being stored.

    Args:
        plan: what the job saw.
        work: its folder.
        store: where to.
        say: gets a line for the job's log about each path that is not stored.

    Yields:
        What was stored, for the job's events.

    Raises:
        OutputsLost: files or channels that can't be stored; all others were.
    """
    lost = []
    downloaded = _load_stamps(work)
    root = JobRoot(work.ml, plan.root, work.path)
    for mount in plan.outputs:
        channel = _Channel(mount, store, say)
        try:
            # The job can replace any folder in its own, but not that one.
            found = find_output_files(work.ml / mount.folder, root)
            count = channel.update(found, downloaded.get(mount.folder, {}))
        except (OSSErrorResponse, OSError) as error:
            lost.append(f"The output channel {mount.channel} can't be stored: {error}")
            say(lost[-1])
            continue
        if channel.failed:
            lost.append(f"The output channel {mount.channel} lacks {_names(channel.failed)}")
        yield f"Output channel {mount.channel}: {count} files stored in {mount.uri}"
    if lost:
        raise OutputsLost("; ".join(lost))
    _stamps_file(work).unlink(missing_ok=True)


def save_stamps(plan: RunPlan, work: WorkFolder) -> None:
    """Keep what lies in the output channels before the job starts.

    Raises:
        OSError: it can't be written.
    """
    root = JobRoot(work.ml, plan.root, work.path)
    found = {mount.folder: stamps(find_output_files(work.ml / mount.folder, root).files) for mount in plan.outputs}
    _stamps_file(work).write_text(json.dumps(found), encoding="utf-8")


class _Channel:
    """Brings one channel's place up to date.

    Attributes:
        failed: why each file can't be stored.
    """

    def __init__(self, mount: Mount, store: OutputStore, say: Callable[[str], None]) -> None:
        self._mount = mount
        self._store = store
        self._say = say
        self.failed: dict[str, str] = {}

    def update(self, found: OutputFiles, before: Stamps) -> int:
        """Store what is new or changed, delete what is gone, and return how many files were stored."""
        for name, why in found.left_out.items():
            self._say(f"Output channel {self._mount.channel}: {name} is not stored: {why}")
        for name, why in found.unreadable.items():
            self._fail(name, why)
        gone = {name for name in before if not found.is_known(name)}
        # A folder in the place of a file, or a file in that of a folder, needs it gone before.
        replaced = _replaced(gone, found.files)
        self._delete(replaced, before)
        stored = sum([self._store_changed(name, path, before.get(name)) for name, path in found.files.items()])
        if not self.failed:
            self._delete(gone - replaced, before)
        return stored

    def _store_changed(self, name: str, path: Path, before: tuple[int, int] | None) -> bool:
        try:
            now = stamp(path)
            if now == before:
                return False
            stored = self._store.store_file(self._mount.uri.bucket, self._key(name), path, now[1])
        except (OSSErrorResponse, OSError) as error:
            self._fail(name, error.strerror or str(error) if isinstance(error, OSError) else str(error))
            return False
        if not stored:
            why = "it was changed elsewhere since this job got it"
            self._say(f"Output channel {self._mount.channel}: {shown_name(name)} is not stored: {why}")
        return stored

    def _delete(self, names: Iterable[str], before: Stamps) -> None:
        if keys := {self._key(name): before[name][1] for name in sorted(names)}:
            self._store.delete_files(self._mount.uri.bucket, keys)

    def _key(self, name: str) -> str:
        key = self._mount.uri.key
        return name if not key else f"{key.rstrip('/')}/{name}"

    def _fail(self, name: str, why: str) -> None:
        self.failed[shown_name(name)] = why
        self._say(f"Output channel {self._mount.channel}: {shown_name(name)} can't be stored: {why}")


def _replaced(gone: Iterable[str], files: Mapping[str, Path]) -> set[str]:
    """Return what is in the way of files: a file above or below one of them."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    return {name for name in gone if name in folders or any(str(up) in files for up in PurePosixPath(name).parents)}


def _names(failed: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} ({why})" for name, why in [*failed.items()][:_NAMED])
    return named if len(failed) <= _NAMED else f"{named} and {len(failed) - _NAMED} more files, which the log names"


def _stamps_file(work: WorkFolder) -> Path:
    # Beside the job's folder, not in it: it outlives the server, and the job can't write it.
    return work.path.with_name("downloaded.json")


def _load_stamps(work: WorkFolder) -> dict[str, Stamps]:
    try:
        found = json.loads(_stamps_file(work).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        folder: {path: (size, modified) for path, (size, modified) in files.items()} for folder, files in found.items()
    }
