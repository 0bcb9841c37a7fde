"""Source code of a job: a local folder or file becomes one archive, named after its content."""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_pai.client.packaging.archive import Piece, TarStream, compress
from airflow_provider_pai.client.packaging.files import LocalFile, local_files, usable_files
from airflow_provider_pai.client.packaging.ignore import FILE as IGNORE_FILE
from airflow_provider_pai.client.packaging.members import Member, MemberReader, size_of, write_member
from airflow_provider_pai.client.packaging.overlay import origin
from airflow_provider_pai.client.packaging.requirements import read_requirements
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri

CODE_PREFIX = "pai/training_src"
LARGE = 100 * 1000 * 1000
"""Bytes of a packed archive from which on it is worth a look whether all of it is source code."""
SMALL = 128 * 1024
"""Bytes of an unpacked archive up to which sending it, perhaps in vain, costs less than asking whether it is there."""
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip")
_LARGEST = 5
_IN_MEMORY = 1024 * 1024


@dataclass(frozen=True)
class SourceCode:
    """Source code as it was read.

    Attributes:
        path: the folder or file, as its author gave it: files of the task may have been put beside it.
        digest: SHA-256 of the unpacked archive, hexadecimal; the same files always give the same, whatever compresses
            them.
        archived: bytes of the unpacked archive.
        files: the files in it.
        sizes: bytes of each.
        left_out: names of what can't be packed: pipes, sockets, devices, links to nothing.
        empty_folders: names of folders without files, which the archive makes, too.
        members: its members, of which it has several when it is packed so.
    """

    path: str
    digest: str
    archived: int
    files: tuple[LocalFile, ...]
    sizes: tuple[int, ...]
    left_out: tuple[str, ...]
    empty_folders: tuple[str, ...]
    members: tuple[Member, ...]

    def uri(self, storage: OssUri) -> OssUri:
        """Return the object in OSS that the archive is."""
        return storage.child(CODE_PREFIX, self.digest, "source.tar.gz")

    def __str__(self) -> str:
        return f"{len(self.files)} file(s), {sum(self.sizes):,} bytes"

    @property
    def is_small(self) -> bool:
        """Whether sending it costs less than asking whether it is there."""
        return self.archived <= SMALL

    def hints(self, packed_size: int) -> list[str]:
        """Return what the author should know before so many bytes are uploaded, in sentences."""
        found = []
        if self.left_out:
            found.append(f"Not packed, for they are neither files nor folders: {', '.join(map(repr, self.left_out))}")
        if nested := [file.name for file in self.files if file.name.endswith(f"/{IGNORE_FILE}")]:
            found.append(
                f"Without effect: {', '.join(map(repr, nested))}; {IGNORE_FILE} counts at the top of source_dir only"
            )
        if packed_size >= LARGE:
            largest = heapq.nlargest(_LARGEST, zip(self.sizes, (file.name for file in self.files), strict=True))
            names = ", ".join(f"{name!r} ({size:,} bytes)" for size, name in largest)
            found.append(f"The source code is large; a file {IGNORE_FILE} can leave out the largest: {names}")
        return found

    @contextmanager
    def packed(self) -> Iterator[tuple[IO[bytes], int]]:
        """Pack it as a deterministic tar.gz, in memory while it is small, else in a temporary file.

        A folder's files lie at the root of the archive.

        Returns:
            The archive, open for reading at its start, and its size in bytes.

        Raises:
            PAIError: a file changed since it was read first.
            OSError: a file can't be read.
        """
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
            hashed = hashlib.sha256()
            compress(_hashed(TarStream(self.files, self.empty_folders), hashed.update), content)
            if hashed.hexdigest() != self.digest:
                raise self._changed()
            size = content.tell()
            content.seek(0)
            yield content, size

    def write_member(self, number: int, content: IO[bytes]) -> None:
        """Compress one of its members alone.

        Args:
            number: which, from 0.
            content: where to.

        Raises:
            PAIError: a file changed since it was read first.
            OSError: a file can't be read.
        """
        before = sum(map(size_of, self.members[:number]))
        if not write_member(self.members[number], self.files, self.empty_folders, before, content):
            raise self._changed()

    def _changed(self) -> PAIError:
        return PAIError(
            f"a file of {self.path} changed while it was packed; try again when nothing writes to it, or name it in "
            f"{IGNORE_FILE}"
        )


def source_problems(source_dir: str | None) -> list[Problem]:
    """Return what is wrong with local source code; empty for none, for good one, and for ``oss://``."""
    if not source_dir or source_dir.startswith("oss://"):
        return []
    place, path = repr(source_dir), Path(source_dir)
    _, found = usable_files("source_dir", place, path, "give the folder that holds the script", source_code=True)
    if not found and path.is_file() and path.name.lower().endswith(_ARCHIVES):
        text = "is an archive, which would be packed once more"
        advice = "unpack it and give the folder, or upload it and give its oss:// URI"
        return [Problem("source_dir", f"{place} {text}; {advice}")]
    return found or [Problem("source_dir", f"{place}: {text}") for text in read_requirements(path)[1]]


def source_requirements(source_dir: str | None) -> tuple[str, ...]:
    """Return the lines of a local source folder's ``requirements.txt``, without comments and blank lines.

    PAI installs requirements from the job's PythonRequirements; a file in the code folder alone was seen not to be
    installed (field report of October 2026), so its lines are sent along.
    """
    if not source_dir or source_dir.startswith("oss://"):
        return ()
    return tuple(read_requirements(Path(source_dir))[0])


def source_location(source_dir: str, storage: OssUri, endpoint: str) -> CodeLocation:
    """Return where local source code goes; uploads nothing.

    Args:
        source_dir: local folder or file.
        storage: the workspace's default storage.
        endpoint: OSS host that the job reads it from.
    """
    target = read_source(source_dir).uri(storage)
    return CodeLocation(target.bucket, target.key, endpoint)


def read_source(source_dir: str, check: Callable[[], None] = lambda: None) -> SourceCode:
    """Read a folder, or one file, to learn what its archive is; that takes a third of the time of packing it.

    The same files, whatever their owners and times of change, give the same digest.

    Args:
        source_dir: local folder or file.
        check: called again and again meanwhile; may raise what ends the reading.

    Raises:
        ValueError: a link leads out of the folder, or to a folder that holds it; ``.paiignore`` holds no patterns.
        OSError: a file can't be read.
        PAIError: a file changed while it was read.
    """
    found = local_files(Path(source_dir), source_code=True)
    hashed = hashlib.sha256()
    stream = TarStream(found.files, found.empty_folders)
    reader = MemberReader(stream, found.files)
    for _ in _hashed(reader, hashed.update):
        check()
    return SourceCode(
        path=origin(source_dir),
        digest=hashed.hexdigest(),
        archived=stream.size,
        files=tuple(found.files),
        sizes=tuple(stream.sizes),
        left_out=tuple(found.left_out),
        empty_folders=tuple(found.empty_folders),
        members=tuple(reader.members),
    )


def _hashed(pieces: Iterable[Piece], update: Callable[[Piece], None]) -> Iterator[Piece]:
    for piece in pieces:
        update(piece)
        yield piece
