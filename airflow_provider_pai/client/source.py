"""Source code of a job: a local folder becomes one archive, named after its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_pai.client.requirements import read_requirements

IGNORED_NAMES = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
)
IGNORED_SUFFIXES = (".pyc", ".pyo")
_IN_MEMORY = 8 * 1024 * 1024


@dataclass(frozen=True)
class SourcePackage:
    """A packed source folder.

    Attributes:
        digest: SHA-256 of the uncompressed archive, hexadecimal; the same files always give the same.
        size: bytes of the compressed archive.
        files: number of files in it.
        content: the archive, open for reading at its start.
    """

    digest: str
    size: int
    files: int
    content: IO[bytes]


def source_problems(source_dir: str | None) -> list[str]:
    """Return what is wrong with a local source folder; empty for none, for a good one, and for ``oss://``."""
    if not source_dir or source_dir.startswith("oss://"):
        return []
    folder = Path(source_dir)
    try:
        if not folder.exists():
            return [f"source_dir {source_dir!r} does not exist on this worker; give an absolute path or an oss:// URI"]
        if not folder.is_dir():
            return [f"source_dir {source_dir!r} is not a folder; give the folder that holds the script"]
        files = list(_files(folder))
    except ValueError as error:
        return [f"source_dir {source_dir!r}: {error}"]
    except OSError as error:
        return [f"source_dir {source_dir!r}: {error.filename} can't be read ({error.strerror})"]
    if not files:
        return [f"source_dir {source_dir!r} has no files; give the folder that holds the script"]
    unreadable = [path for path in files if not os.access(path, os.R_OK)]
    if unreadable:
        return [f"source_dir {source_dir!r}: {path} can't be read by this worker's user" for path in unreadable]
    return [f"source_dir {source_dir!r}: {problem}" for problem in read_requirements(folder)[1]]


def source_requirements(source_dir: str | None) -> tuple[str, ...]:
    """Return the lines of a local source folder's ``requirements.txt``, without comments and blank lines.

    PAI installs requirements from the job's PythonRequirements; a file in the code folder alone was seen not to be
    installed (field report of October 2026), so its lines are sent along.
    """
    if not source_dir or source_dir.startswith("oss://"):
        return ()
    return tuple(read_requirements(Path(source_dir))[0])


@contextmanager
def packed(source_dir: str) -> Iterator[SourcePackage]:
    """Pack a folder as a deterministic tar.gz: same files, same bytes, whoever owns them and whenever they changed.

    Raises:
        ValueError: a symbolic link leads out of the folder, or to a folder that holds it.
        OSError: a file can't be read.
    """
    folder = Path(source_dir)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
        with gzip.GzipFile(filename="", mode="wb", fileobj=content, mtime=0) as zipped:
            hashed = _HashingWriter(zipped.write)
            count = 0
            # PAX headers keep names of any length and alphabet.
            with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for count, path in enumerate(_files(folder), start=1):  # noqa: B007
                    _add(archive, path, path.relative_to(folder).as_posix())
        size = content.tell()
        content.seek(0)
        yield SourcePackage(hashed.digest.hexdigest(), size, count, content)


class _HashingWriter(io.RawIOBase):
    """Hashes what is written through it, so that the digest doesn't depend on the compressor's version."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.digest.update(data)
        return self._write(data)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    information = tarfile.TarInfo(name)
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        information.size = status.st_size
        information.mode = 0o755 if status.st_mode & 0o100 else 0o644
        archive.addfile(information, file)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files to pack, in a fixed order; links inside the folder count as what they point to.

    Raises:
        ValueError: a link leads out of the folder, or to a folder that holds it.
        OSError: a folder can't be read.
    """
    yield from _files_below(folder, folder, (folder.resolve(),))


def _files_below(folder: Path, place: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    for path in sorted(place.iterdir()):
        if path.name in IGNORED_NAMES or path.name.endswith(IGNORED_SUFFIXES):
            continue
        # Unlike Path.resolve, this bears with a link to itself, which is neither file nor folder.
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(above[0]):
            raise ValueError(f"the symbolic link {path.relative_to(folder)} leads out of the folder; copy the file in")
        if target in above:
            raise ValueError(f"the symbolic link {path.relative_to(folder)} leads to a folder that holds it; remove it")
        if path.is_dir():
            yield from _files_below(folder, path, (*above, target))
        elif path.is_file():
            yield path
