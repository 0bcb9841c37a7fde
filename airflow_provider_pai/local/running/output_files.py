"""The files of an output channel: links are followed inside of it, and what can't be stored is named."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

Stamps = Mapping[str, tuple[int, int]]
"""Size in bytes and time of modification in nanoseconds of a folder's files, by path below the folder."""

_MOST_LINKS = 40
"""Links on the way to one file, as Linux has it."""
_MOST_LINKED_FOLDERS = 1000
"""Folders that are reached through links: links among few folders can make endless many paths."""
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}


@dataclass(frozen=True)
class OutputFiles:
    """What a channel's folder holds.

    Attributes:
        files: where the bytes of each file are, by path below the folder, sorted.
        left_out: why a path is no file of the channel, by the path as it can be shown.
        unreadable: why a folder can't be read, by path below the channel's folder, which is ``.`` itself.
    """

    files: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def is_known(self, relative: str) -> bool:
        """Tell whether something is at a path, or may be: below a folder that can't be read nothing is known."""
        parents = [str(parent) for parent in PurePosixPath(relative).parents]
        return any(each in self.unreadable or each in self.left_out for each in parents) or (
            relative in self.files or relative in self.left_out
        )


@dataclass(frozen=True)
class JobRoot:
    """The folder that a job sees as its root, for the links that it makes.

    Attributes:
        path: the folder, on this machine.
        seen_as: how the job calls it: ``/ml``, or its path on this machine.
        trusted: a folder around it that the job can't replace.
    """

    path: Path
    seen_as: str
    trusted: Path

    def resolve(self, path: Path) -> Path | None:
        """Return where a path leads to, as the job saw it; None when it leads out of the root, or around in circles.

        Args:
            path: a path below the root, on this machine.
        """
        resolved, links = self.path, 0
        parts = deque(path.relative_to(self.path).parts)
        while parts:
            part = parts.popleft()
            if part == "..":
                if resolved == self.path:
                    return None
                resolved = resolved.parent
                continue
            resolved /= part
            if not resolved.is_symlink():
                continue
            links += 1
            target = resolved.readlink()
            resolved = resolved.parent
            if target.is_absolute():
                resolved = self.path
                inside = self._inside(target)
                if inside is None:
                    return None
                target = inside
            if links > _MOST_LINKS:
                return None
            parts.extendleft(reversed(target.parts))
        return resolved

    def _inside(self, target: Path) -> Path | None:
        for root in (self.seen_as, str(self.path)):
            if target.is_relative_to(root):
                return target.relative_to(root)
        return None


def find_output_files(folder: Path, root: JobRoot) -> OutputFiles:
    """Find the files of a channel.

    A link counts as what it points to when that lies in the folder; other links are left out, so that a job can't
    publish files from outside of its outputs.

    Args:
        folder: the channel's folder, below the job's root; a missing one has no files.
        root: the job's root.

    Raises:
        NotADirectoryError: the job replaced the folder, or one above it, by a link or a file.
    """
    _check_real(folder, root.trusted)
    return _OutputWalk(folder, root).find() if folder.exists() else OutputFiles()


def stamps(files: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Return what tells later which files changed."""
    return {relative: stamp(path) for relative, path in files.items()}


def stamp(path: Path) -> tuple[int, int]:
    """Return size and time of modification of a file.

    Raises:
        OSError: it can't be read.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def shown_name(name: str) -> str:
    """Return a file's name as it can be written down, also one that is no UTF-8 or breaks lines."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@dataclass(frozen=True)
class _Folder:
    """A folder on the way down: how it is called, where it is, and what is above it."""

    prefix: str
    path: Path
    above: tuple[Path, ...]


class _OutputWalk:
    """Goes through a channel's folder without recursion, which deep folders would be too much for."""

    def __init__(self, top: Path, root: JobRoot) -> None:
        self._top = top
        self._root = root
        self._found = OutputFiles()
        self._linked_folders = 0

    def find(self) -> OutputFiles:
        folders = [_Folder("", self._top, ())]
        while folders:
            folder = folders.pop()
            try:
                folders += self._look_into(folder)
            except OSError as error:
                self._found.unreadable[folder.prefix.rstrip("/") or "."] = error.strerror or str(error)
        found = self._found
        return OutputFiles(dict(sorted(found.files.items())), dict(sorted(found.left_out.items())), found.unreadable)

    def _look_into(self, folder: _Folder) -> Iterator[_Folder]:
        for name in sorted(os.listdir(folder.path)):  # noqa: PTH208 - names, and no paths of them
            relative = folder.prefix + name
            path = folder.path / name
            is_link = path.is_symlink()
            target = self._root.resolve(path) if is_link else path
            why = self._problem(name, target, folder, is_link=is_link)
            if why or target is None:
                self._found.left_out[shown_name(relative)] = why
            elif target.is_dir():
                yield _Folder(f"{relative}/", target, (*folder.above, folder.path))
            else:
                self._found.files[relative] = target

    def _problem(self, name: str, target: Path | None, folder: _Folder, *, is_link: bool) -> str:
        """Tell why something is no file and no folder of the channel; empty when it is."""
        try:
            name.encode()
        except UnicodeEncodeError:
            return "its name is no UTF-8"
        if target is None or not target.is_relative_to(self._top):
            return "it is a link that leads out of the channel's folder, or to itself"
        try:
            mode = target.lstat().st_mode
        except FileNotFoundError:
            return "it is a link to nothing"
        if stat.S_ISDIR(mode):
            return self._folder_problem(target, folder) if is_link else ""
        return "" if stat.S_ISREG(mode) else f"it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}"

    def _folder_problem(self, target: Path, folder: _Folder) -> str:
        self._linked_folders += 1
        if target in (*folder.above, folder.path):
            return "it is a link to a folder that holds it"
        if self._linked_folders > _MOST_LINKED_FOLDERS:
            return f"more than {_MOST_LINKED_FOLDERS} links lead to folders"
        return ""


def _check_real(folder: Path, root: Path) -> None:
    for depth in range(len(folder.relative_to(root).parts) + 1):
        path = folder.parents[depth - 1] if depth else folder
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise NotADirectoryError(errno.ENOTDIR, "It was replaced by a link or a file", str(path))
