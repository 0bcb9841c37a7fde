"""Unpacking a job's source code archive, which may come from anybody."""

from __future__ import annotations

import os
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path, PurePosixPath


class BadArchive(Exception):
    """An archive is damaged, or would write or point outside its folder; the text says which member."""


MOST_MEMBERS = 100_000
DEEPEST = 100
"""Folders above a member."""
LARGEST = 16 * 1024**3
"""Bytes of all members together."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most: source code is far below.

    Attributes:
        members: files, folders and links.
        depth: folders above a member.
        size: bytes of all members, unpacked.
    """

    members: int = MOST_MEMBERS
    depth: int = DEEPEST
    size: int = LARGEST


def unpack(
    archive: Path, folder: Path, cancelled: Callable[[], bool] = lambda: False, limits: Limits | None = None
) -> None:
    """Unpack a ``.tar.gz``.

    Python's ``data`` filter is not enough alone: older patch releases of it can be led outside through chains of links.
    So no member may lie behind a link, and no link may point outside or through another link.

    Args:
        archive: the file.
        folder: where to; must exist.
        cancelled: asked again and again; the work is given up when it says so.
        limits: what the archive may hold; by default what no source code has.

    Raises:
        BadArchive: it is no such archive, or a member is refused; then nothing was unpacked.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = _read_members(tar, limits or Limits(), cancelled)
            _check(members)
            for member in members:
                _disown(member)
            # Python 3.11.0 to 3.11.3 know no filters; the checks above stand alone there.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            for member in members:
                if cancelled():
                    return
                tar.extract(member, folder)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise BadArchive(str(error)) from error


def _read_members(tar: tarfile.TarFile, limits: Limits, cancelled: Callable[[], bool]) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    size = 0
    for member in tar:
        if cancelled():
            return []
        members.append(member)
        size += member.size
        if len(members) > limits.members:
            raise BadArchive(f"it holds more than {limits.members:,} members")
        if size > limits.size:
            raise BadArchive(f"it is larger than {limits.size:,} bytes when it is unpacked")
        if member.name.count("/") > limits.depth:
            raise BadArchive(f"{member.name[:100]!r}... lies more than {limits.depth} folders deep")
    return members


def _disown(member: tarfile.TarInfo) -> None:
    """Take away what an archive has no say in: owner, and bits beyond reading, writing and running."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)


def _check(members: Sequence[tarfile.TarInfo]) -> None:
    links = {_normal(member.name) for member in members if member.issym() or member.islnk()}
    for member in members:
        parts = PurePosixPath(member.name).parts
        if member.name.startswith("/") or ".." in parts:
            raise BadArchive(f"{member.name!r} leads out of the archive's folder")
        if _behind(_normal(member.name), links):
            raise BadArchive(f"{member.name!r} lies behind a link")
        if member.issym():
            _check_symbolic(member, links)
        elif member.islnk():
            _check_hard(member, links)
        elif not (member.isfile() or member.isdir()):
            raise BadArchive(f"{member.name!r} is a device or another special file")


def _check_symbolic(member: tarfile.TarInfo, links: set[str]) -> None:
    # ".." behind a name would be taken from where that name leads to, which the text alone doesn't tell.
    names = list(dropwhile("..".__eq__, PurePosixPath(member.linkname).parts))
    target = _normal(posixpath.join(posixpath.dirname(member.name), member.linkname))
    if member.linkname.startswith("/") or ".." in names or target.startswith(".."):
        raise BadArchive(f"{member.name!r} is a link that leads out of the archive's folder")
    if _behind(target, links):
        raise BadArchive(f"{member.name!r} is a link through another link")


def _check_hard(member: tarfile.TarInfo, links: set[str]) -> None:
    if member.linkname.startswith("/") or ".." in PurePosixPath(member.linkname).parts:
        raise BadArchive(f"{member.name!r} is a link that leads out of the archive's folder")
    target = _normal(member.linkname)
    if target in links or _behind(target, links):
        raise BadArchive(f"{member.name!r} is a link to another link")


def _normal(path: str) -> str:
    return posixpath.normpath(path)


def _behind(path: str, links: set[str]) -> bool:
    return any(str(parent) in links for parent in PurePosixPath(path).parents)
