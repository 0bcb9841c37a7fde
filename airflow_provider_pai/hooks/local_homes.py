"""Folders of the servers of local mode: one per job, removed with it, or by the next job when its worker was killed.

Several tasks of a worker make and remove theirs at the same time. Each owner holds a lock beside its folder from before
there is one until there is none any more, so that a folder without an owner is one that was left.
"""

from __future__ import annotations

import fcntl
import json
import logging
import secrets
import shutil
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.local_places import local_places
from airflow_provider_pai.local.home import HomeDamaged, HomeInUse, is_home
from airflow_provider_pai.local.running.environments import EnvironmentFailed
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.problem import Problem

logger = logging.getLogger(__name__)

_FILES = "files.json"
_LOCK = ".lock"


@contextmanager
def local_home(running: Path, files: Mapping[str, Path]) -> Iterator[Path]:
    """Make a folder for a server, and remove it together with those that killed workers left.

    Args:
        running: where such folders are.
        files: what stands for this worker's files, by bucket.

    Raises:
        SpecError: there can't be such a folder.
    """
    with ExitStack() as stack:
        try:
            home = _make(stack, running, files)
        except OSError as error:
            text = f": jobs on this worker need the folder {running}: {error}"
            raise SpecError([Problem("instance_type", text)]) from error
        yield home


def _make(stack: ExitStack, running: Path, files: Mapping[str, Path]) -> Path:
    # Whether a folder is in use can be told on its own machine only, and several may share Airflow's home.
    prefix = f"{socket.gethostname()}-"
    running.mkdir(parents=True, exist_ok=True)
    _remove_left(running, prefix)
    home = running / f"{prefix}{secrets.token_hex(8)}"
    if not stack.enter_context(_owned(home)):
        raise FileExistsError(f"{home} is in use")
    home.mkdir(mode=0o700)
    stack.callback(_remove, home)
    (home / _FILES).write_text(json.dumps({bucket: str(path) for bucket, path in files.items()}), encoding="utf-8")
    return home


@contextmanager
def _owned(home: Path) -> Iterator[bool]:
    """Own a folder, whether it is there or not; yield False when another process or thread does."""
    file = home.with_name(home.name + _LOCK)
    with file.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            if not home.exists():
                file.unlink(missing_ok=True)


def _remove(home: Path) -> None:
    """Remove a server's folder, unless it has the only copy of a job's outputs."""
    # Both are there exactly while the outputs of a job that ran are not stored.
    kept = [note.parent for note in home.glob("jobs/*/downloaded.json") if (note.parent / "work/ml/output").exists()]
    if kept:
        logger.error("Outputs of a local job could not be stored; they are kept in %s", ", ".join(map(str, kept)))
        return
    shutil.rmtree(home, ignore_errors=True)


def _remove_left(running: Path, prefix: str) -> None:
    for home in running.glob(f"{prefix}*"):
        if home.suffix == _LOCK:
            continue
        with _owned(home) as is_left:
            # Its owner may have removed it since.
            if is_left and home.is_dir():
                _end_what_is_left(home, running.parent / "cache")


def _end_what_is_left(home: Path, cache: Path) -> None:
    if not is_home(home):
        # Its worker was killed before there was a server.
        _remove(home)
        return
    logger.warning("A worker was killed while it ran a local job; ending what is left of that in %s", home)
    try:
        files = {bucket: Path(path) for bucket, path in json.loads((home / _FILES).read_text()).items()}
        # Its start ends the processes of jobs that were under way, and saves their outputs.
        with LocalPAI(home, cache=cache, runtime=RuntimeKind.AUTO, places=local_places(files)):
            pass
    except HomeInUse:
        return
    except (HomeDamaged, sqlite3.Error, ValueError) as error:
        logger.warning("%s can't be read: %s", home, error)
    except (EnvironmentFailed, OSError, RuntimeError) as error:
        logger.warning("%s can't be opened now, and stays: %s", home, error)
        return
    _remove(home)
