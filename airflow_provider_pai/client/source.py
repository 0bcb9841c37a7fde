"""Source code of a job: a local folder or file becomes one archive, named after its content."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_pai.client.files import LocalFile, local_files, unchanging, usable_files
from airflow_provider_pai.client.ignore import FILE as IGNORE_FILE
from airflow_provider_pai.client.requirements import read_requirements
from airflow_provider_pai.model.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri

CODE_PREFIX = "pai/training_src"
LARGE = 100 * 1000 * 1000
"""Bytes of an archive from which on it is worth a look whether all of it is source code."""
_LARGEST = 5
# The highest level takes several times as long for a hundredth of the size.
_COMPRESSION = 6
_IN_MEMORY = 8 * 1024 * 1024


@dataclass(frozen=True)
class SourcePackage:
    """Packed source code.

    Attributes:
        digest: SHA-256 of the uncompressed archive, hexadecimal; the same files always give the same.
        size: bytes of the compressed archive.
        unpacked: bytes of the files in it.
        files: number of files in it.
        largest: sizes in bytes and names of its largest files, the largest first.
        left_out: names of what can't be packed: pipes, sockets, devices, links to nothing.
        content: the archive, open for reading at its start.
    """

    digest: str
    size: int
    unpacked: int
    files: int
    largest: tuple[tuple[int, str], ...]
    left_out: tuple[str, ...]
    content: IO[bytes]

    def uri(self, storage: OssUri) -> OssUri:
        """Return the object in OSS that the archive is."""
        return storage.child(CODE_PREFIX, self.digest, "source.tar.gz")

    def __str__(self) -> str:
        return f"{self.files} file(s), {self.unpacked:,} bytes, packed {self.size:,}"

    @property
    def hints(self) -> list[str]:
        """What the author should know before it is uploaded, in sentences."""
        found = []
        if self.left_out:
            found.append(f"Not packed, for they are neither files nor folders: {', '.join(map(repr, self.left_out))}")
        if self.size >= LARGE:
            names = ", ".join(f"{name!r} ({size:,} bytes)" for size, name in self.largest)
            found.append(f"The source code is large; a file {IGNORE_FILE} can leave out the largest: {names}")
        return found


def source_problems(source_dir: str | None) -> list[str]:
    """Return what is wrong with local source code; empty for none, for good one, and for ``oss://``."""
    if not source_dir or source_dir.startswith("oss://"):
        return []
    label, path = f"source_dir {source_dir!r}", Path(source_dir)
    _, found = usable_files(label, path, "give the folder that holds the script", source_code=True)
    return found or [f"{label}: {problem}" for problem in read_requirements(path)[1]]


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
    with packed(source_dir) as package:
        target = package.uri(storage)
    return CodeLocation(target.bucket, target.key, endpoint)


@contextmanager
def packed(source_dir: str) -> Iterator[SourcePackage]:
    """Pack a folder, or one file, as a deterministic tar.gz.

    The same files give the same bytes, whoever owns them and whenever they changed. A folder's files lie at the root of
    the archive; empty folders are no part of it.

    Raises:
        ValueError: a link leads out of the folder, or to a folder that holds it; ``.paiignore`` holds no patterns.
        OSError: a file can't be read.
        PAIError: a file changed while it was packed.
    """
    found = local_files(Path(source_dir), source_code=True)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
        digest, sizes = _pack(found.files, content)
        size = content.tell()
        content.seek(0)
        largest = heapq.nlargest(_LARGEST, zip(sizes, (file.name for file in found.files), strict=True))
        left_out = tuple(found.left_out)
        yield SourcePackage(digest, size, sum(sizes), len(sizes), tuple(largest), left_out, content)


def _pack(files: Sequence[LocalFile], content: IO[bytes]) -> tuple[str, list[int]]:
    """Write an archive; return its digest and the sizes of the files."""
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=content, mtime=0) as zipped:
        hashed = _HashingWriter(zipped.write)
        # PAX headers keep names of any length and alphabet.
        with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            sizes = [_add(archive, file) for file in files]
    return hashed.digest.hexdigest(), sizes


class _HashingWriter(io.RawIOBase):
    """Hashes what is written through it, so that the digest doesn't depend on the compressor's version."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.digest.update(data)
        return self._write(data)


def _add(archive: tarfile.TarFile, file: LocalFile) -> int:
    information = tarfile.TarInfo(file.name)
    with unchanging(file) as (stream, status):
        information.size = status.st_size
        information.mode = 0o755 if status.st_mode & 0o100 else 0o644
        archive.addfile(information, stream)
    return information.size
