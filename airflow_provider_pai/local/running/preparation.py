"""Making a job ready: its code, its data and its files, in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.jobs.transitions import ReasonCode
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.running.archive import BadArchive, unpack
from airflow_provider_pai.local.running.outputs import save_stamps
from airflow_provider_pai.model.training.container import Mount, RunPlan
from airflow_provider_pai.model.training.spec import CodeLocation


class Objects(Protocol):
    """The object store, as far as jobs need it."""

    def download(self, bucket: str, prefix_or_key: str, folder: Path) -> int:
        """Write an object, or all objects of a prefix, into a folder and return how many."""


class PreparationFailed(Exception):
    """A job can't be made ready; the text names what is wrong.

    Attributes:
        code: the reason, short.
    """

    def __init__(self, code: ReasonCode, why: str) -> None:
        super().__init__(why)
        self.code = code


def input_path(mount: Mount) -> str:
    """Return where an input channel's file or folder lies below the root."""
    return f"{mount.folder}/{mount.uri.name}".rstrip("/")


def prepare_folder(
    plan: RunPlan,
    work: WorkFolder,
    objects: Objects,
    shown: Mapping[str, Path],
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Prepare a job's folder, one step after the other, so that it can be stopped in between.

    Args:
        plan: what the job sees.
        work: the job's folder; what an earlier try left there is removed.
        objects: where code and data come from.
        shown: what the runtime shows of this machine instead, by path below the root.
        cancelled: tells whether the job is to end; a long step is then given up.

    Yields:
        What was done, for the job's events.

    Raises:
        PreparationFailed: a step can't be done.
    """
    shutil.rmtree(work.path, ignore_errors=True)
    work.create()
    for relative, text in plan.files.items():
        path = work.ml / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if plan.code:
        yield f"Source code: {_fetch_code(plan.code, work, objects, cancelled)} files of {plan.code.uri}"
    for mount in plan.inputs:
        if source := shown.get(input_path(mount)):
            _make_mount_point(work.ml / input_path(mount), source)
            yield f"Input channel {mount.channel}: {source} is shown, read-only"
            continue
        count = _download_channel(objects, f"input channel {mount.channel}", mount, work)
        if not count:
            why = f"The input channel {mount.channel} is empty: there is no object below {mount.uri}"
            raise PreparationFailed(ReasonCode.DATA_FAILED, why)
        yield f"Input channel {mount.channel}: {count} files of {mount.uri}"
    for mount in plan.outputs:
        count = _download_channel(objects, f"output channel {mount.channel}", mount, work)
        if count:
            yield f"Output channel {mount.channel}: {count} files are in {mount.uri} already"
    save_stamps(plan, work)


def _fetch_code(code: CodeLocation, work: WorkFolder, objects: Objects, cancelled: Callable[[], bool]) -> int:
    folder = work.ml / "usercode"
    folder.mkdir()
    archive = code.key.endswith(".tar.gz")
    target = work.path / "archive" if archive else folder
    try:
        count = objects.download(code.bucket, code.key, target)
        if archive:
            unpack(target / code.key.rpartition("/")[2], folder, cancelled)
            shutil.rmtree(target)
            count = sum(1 for path in folder.rglob("*") if path.is_file())
    except (OSSErrorResponse, OSError) as error:
        why = f"The source code can't be read from {code.uri}: {error}"
        raise PreparationFailed(ReasonCode.CODE_FAILED, why) from error
    except BadArchive as error:
        why = f"The source code archive {code.uri} is refused: {error}"
        raise PreparationFailed(ReasonCode.CODE_FAILED, why) from error
    if not count and not cancelled():
        raise PreparationFailed(ReasonCode.CODE_FAILED, f"There is no source code: no object below {code.uri}")
    return count


def _make_mount_point(target: Path, path: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        target.mkdir()
    else:
        target.touch()


def _download_channel(objects: Objects, what: str, mount: Mount, work: WorkFolder) -> int:
    folder = work.ml / mount.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return objects.download(mount.uri.bucket, mount.uri.key, folder)
    except (OSSErrorResponse, OSError) as error:
        why = f"The {what} can't be read from {mount.uri}: {error}"
        raise PreparationFailed(ReasonCode.DATA_FAILED, why) from error
