"""The members of a package: runs of files that are compressed alone, so that unchanged ones need not be sent again.

A gzip file may have several members one after the other; unpacked, they are one stream [inferred: whether PAI unpacks
them is not documented; GNU tar, Python and local PAI do]. Where a member ends depends on names first: a change in one
file changes one member, and hardly ever where others end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from fastcrc import crc64
from isal import isal_zlib

from airflow_provider_pai.client.packaging.archive import Piece, TarStream, compress
from airflow_provider_pai.client.packaging.files import LocalFile

LEAST = 768 * 1024
"""Unpacked bytes of a member, at least: a part of an upload has 100 KiB or more, and small members compress badly."""
MOST = 8 * 1024 * 1024
"""Unpacked bytes from which on a member ends at the next file, whatever its name."""
_ONE_IN = 4
"""One name in so many may end a member."""


@dataclass(frozen=True)
class Member:
    """Some files of a package, as they were read.

    Attributes:
        first: index of the first file.
        end: index behind the last file.
        mark: tells its unpacked bytes from others by chance: two checksums and the size. It need not withstand malice,
            for who can write the folder can write anything into the package.
    """

    first: int
    end: int
    mark: str


@dataclass
class Marking:
    """Computes a member's mark, piece by piece."""

    size: int = 0
    _long: int = 0
    _short: int = 0

    def update(self, piece: Piece) -> None:
        """Take the next bytes."""
        self._long = crc64.xz(piece, self._long)
        self._short = isal_zlib.crc32(piece, self._short)
        self.size += len(piece)

    @property
    def mark(self) -> str:
        """The mark of what was taken."""
        return f"{self._long:016x}{self._short:08x}{self.size:x}"


@dataclass
class MemberReader:
    """Reads an archive and notes its members.

    Attributes:
        files: what is in the archive, in order.
        members: those that have been read; the last one holds the empty folders and the archive's end.
    """

    stream: TarStream
    files: Sequence[LocalFile]
    members: list[Member] = field(default_factory=list)

    def __iter__(self) -> Iterator[Piece]:
        """Yield the archive's bytes."""
        first, marking = 0, Marking()
        for index, file in enumerate(self.files):
            if _ends_before(file, marking.size):
                self.members.append(Member(first, index, marking.mark))
                first, marking = index, Marking()
            yield from _marked(self.stream.pieces_of(file), marking)
        if self.files:
            self.members.append(Member(first, len(self.files), marking.mark))
        marking = Marking()
        yield from _marked(self.stream.last_pieces(), marking)
        self.members.append(Member(len(self.files), len(self.files), marking.mark))


def write_member(
    member: Member, files: Sequence[LocalFile], empty_folders: Sequence[str], before: int, content: IO[bytes]
) -> bool:
    """Compress one member alone.

    Args:
        member: which.
        files: all files of the archive.
        empty_folders: those of the archive.
        before: unpacked bytes of all members before this one; the archive's end depends on it.
        content: where to.

    Returns:
        Whether its bytes are those that were read first.
    """
    stream, marking = TarStream(files, empty_folders), Marking()
    stream.size = before
    if member.first == member.end == len(files):
        pieces = stream.last_pieces()
    else:
        pieces = (piece for file in files[member.first : member.end] for piece in stream.pieces_of(file))
    compress(_marked(pieces, marking), content)
    return marking.mark == member.mark


def size_of(member: Member) -> int:
    """Return the unpacked bytes of a member."""
    return int(member.mark[24:], 16)


def _ends_before(file: LocalFile, size: int) -> bool:
    name = file.name.encode(errors="surrogateescape")
    return size >= MOST or (size >= LEAST and zlib.crc32(name) % _ONE_IN == 0)


def _marked(pieces: Iterator[Piece], marking: Marking) -> Iterator[Piece]:
    for piece in pieces:
        marking.update(piece)
        yield piece
