"""Local files that go to the cloud: a file, or those of a folder, without what leads out of it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from airflow_provider_pai.client.packaging.ignore import FILE, IgnoreRules
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.problem import Problem

_OPENING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHER_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/|[\w.-]+@[\w.-]+:")
"""A URI, whose two slashes a path has made one, or git's ``user@host:``."""
_REPLACED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


@dataclass(frozen=True)
class LocalFile:
    """A regular file.

    Attributes:
        name: path below the folder, with ``/`` between its parts; what is no UTF-8 is as ``os.fsdecode`` gives it.
        path: where its bytes are, which for a link is what it points to.
    """

    name: str
    path: Path


@dataclass
class LocalFiles:
    """What was found.

    Attributes:
        files: the files, in a fixed order.
        left_out: names of what is neither a file nor a folder, such as a pipe or a link to nothing.
        empty_folders: names of folders that hold nothing that was found.
    """

    files: list[LocalFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    empty_folders: list[str] = field(default_factory=list)


def local_files(path: Path, *, source_code: bool = False) -> LocalFiles:
    """Find the file at a path, or the files of the folder there that no pattern leaves out.

    A link inside a folder counts as what it points to.

    Args:
        path: file or folder.
        source_code: leave out what is no source code, too.

    Raises:
        ValueError: a link leads out of the folder, or to a folder that holds it; ``.paiignore`` holds no patterns.
        OSError: a folder can't be read.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        return _SourceWalk(target, IgnoreRules.of(target, source_code=source_code)).found()
    if target.is_file():
        return LocalFiles([LocalFile(path.name, target)])
    raise FileNotFoundError(errno.ENOENT, "there is no file or folder", str(path))


def usable_files(
    argument: str, place: str, path: Path, advice: str, *, source_code: bool = False
) -> tuple[list[LocalFile], list[Problem]]:
    """Find the files at a path, or why they can't be uploaded.

    Args:
        argument: the argument that names the path.
        place: how messages call the member of the argument, if it is one, and its value.
        path: file or folder.
        advice: what to do when there is no file.
        source_code: leave out what is no source code, too.

    Returns:
        The files, and what is wrong with them.
    """
    try:
        if not path.exists():
            return [], [Problem(argument, f"{place} {_why_missing(path)}")]
        if not path.is_file() and not path.is_dir():
            return [], [Problem(argument, f"{place} is neither a file nor a folder; {advice}")]
        files = local_files(path, source_code=source_code).files
    except ValueError as error:
        return [], [Problem(argument, f"{place}: {error}")]
    except OSError as error:
        return [], [Problem(argument, f"{place}: {error.filename} can't be read ({error.strerror})")]
    unreadable = [file.path for file in files if not os.access(file.path, os.R_OK)]
    if not files:
        left_out = any(not found.is_dir() for found in path.rglob("*"))
        text = (
            f"has no files but such as are left out ({FILE}, caches, pipes); {advice}"
            if left_out
            else f"has no files; {advice}"
        )
        return [], [Problem(argument, f"{place} {text}")]
    text = "can't be read by this worker's user"
    return files, [Problem(argument, f"{place}: {file} {text}") for file in unreadable]


def _why_missing(path: Path) -> str:
    """Return why there is nothing at a path, and what to give, as a clause."""
    advice = "give an absolute path or an oss:// URI"
    if _OTHER_ADDRESS.match(str(path)):
        return f"is neither a local path nor an oss:// URI; {advice}"
    if str(path).startswith("~"):
        return f"does not exist on this worker: ~ is not replaced by a home folder; {advice}"
    if path.is_symlink():
        return "does not exist on this worker: it is a symbolic link that leads to nothing, or to itself; mend it"
    if not path.is_absolute():
        return f"does not exist on this worker, in its working folder {_working_folder()}; {advice}"
    return f"does not exist on this worker; {advice}"


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "(which was removed)"


@dataclass(frozen=True)
class _Place:
    """A folder on the way down; ``prefix`` is what its names begin with, ``path`` has no links in it."""

    prefix: str
    path: Path
    above: _Place | None

    def is_in(self, path: Path) -> bool:
        place: _Place | None = self
        while place is not None and place.path != path:
            place = place.above
        return place is not None


class _SourceWalk:
    """Goes through a folder without recursion, which deep folders would be too much for."""

    def __init__(self, top: Path, rules: IgnoreRules) -> None:
        self._top = top
        self._rules = rules
        self._found = LocalFiles()
        self._folders: set[str] = set()

    def found(self) -> LocalFiles:
        places = [_Place("", self._top, None)]
        while places:
            places += self._folders_in(places.pop())
        self._found.files.sort(key=lambda file: os.fsencode(file.name))
        self._found.left_out.sort()
        self._found.empty_folders = sorted(self._folders - self._holding())
        return self._found

    def _holding(self) -> set[str]:
        """Return the names of the folders that hold a file or a folder."""
        names = [file.name for file in self._found.files]
        return {name.rpartition("/")[0] for name in (*names, *self._folders)}

    def _folders_in(self, place: _Place) -> Iterator[_Place]:
        with os.scandir(place.path) as entries:
            for entry in entries:
                name = place.prefix + entry.name
                # Unlike Path.resolve, this bears with a link to itself, which is neither file nor folder.
                path = Path(os.path.realpath(entry.path) if entry.is_symlink() else entry.path)
                is_folder = path.is_dir()
                if self._rules.ignores(name, path if is_folder else None):
                    continue
                if entry.is_symlink():
                    self._check_link(name, path, place)
                if is_folder:
                    self._folders.add(name)
                    yield _Place(f"{name}/", path, place)
                elif path.is_file():
                    self._found.files.append(LocalFile(name, path))
                else:
                    self._found.left_out.append(name)

    def _check_link(self, name: str, target: Path, place: _Place) -> None:
        if not target.is_relative_to(self._top):
            raise ValueError(f"the symbolic link {name} leads out of the folder; copy the file in")
        if place.is_in(target):
            raise ValueError(f"the symbolic link {name} leads to a folder that holds it; remove it")


@contextmanager
def unchanging(file: LocalFile) -> Iterator[tuple[BufferedReader, os.stat_result]]:
    """Open a file to read all of it.

    Raises:
        PAIError: it was replaced since it was found, or written to while it was read.
        OSError: it can't be read.
    """
    try:
        # A pipe in its place would keep an ordinary open waiting, and a link could lead anywhere.
        descriptor = os.open(file.path, _OPENING)
    except OSError as error:
        if error.errno in _REPLACED:
            raise _changed(file) from error
        raise
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        os.close(descriptor)
        raise _changed(file)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor is no path
        try:
            yield stream, before
        except OSError as error:
            if _differ(before, os.fstat(descriptor)):
                raise _changed(file) from error
            raise
        if _differ(before, os.fstat(descriptor)):
            raise _changed(file)


def _differ(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)


def _changed(file: LocalFile) -> PAIError:
    return PAIError(
        f"{file.name} changed while it was read; try again when nothing writes to it, or name it in .paiignore"
    )
