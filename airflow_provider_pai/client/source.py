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

IGNORED_NAMES = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
)
IGNORED_SUFFIXES = (".pyc", ".pyo")
_REQUIREMENTS = "requirements.txt"
_INDEX_OPTIONS = ("-i ", "--index-url", "--extra-index-url", "--trusted-host", "--prefer-binary", "--pre")
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
    if not folder.exists():
        return [f"source_dir {source_dir!r} does not exist on this worker; give an absolute path or an oss:// URI"]
    if not folder.is_dir():
        return [f"source_dir {source_dir!r} is not a folder; give the folder that holds the script"]
    try:
        if next(_files(folder), None) is None:
            return [f"source_dir {source_dir!r} has no files"]
        return _requirement_lines(folder, folder / _REQUIREMENTS)[1]
    except ValueError as error:
        return [f"source_dir {source_dir!r}: {error}"]


def source_requirements(source_dir: str | None) -> tuple[str, ...]:
    """Return the lines of a local source folder's ``requirements.txt``, without comments and blank lines.

    PAI installs requirements from the job's PythonRequirements; a file in the code folder alone was seen not to be
    installed (field report of October 2026), so its lines are sent along.
    """
    if not source_dir or source_dir.startswith("oss://"):
        return ()
    folder = Path(source_dir)
    return tuple(_requirement_lines(folder, folder / _REQUIREMENTS)[0])


@contextmanager
def packed(source_dir: str) -> Iterator[SourcePackage]:
    """Pack a folder as a deterministic tar.gz: same files, same bytes, whoever owns them and whenever they changed.

    Raises:
        ValueError: a symbolic link leads out of the folder.
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
    """Yield the regular files to pack, in a fixed order; links inside the folder count as what they point to."""
    root = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED_NAMES)
        for name in folders:
            _stays_inside(Path(place) / name, root)
        for name in sorted(names):
            path = Path(place) / name
            if name in IGNORED_NAMES or name.endswith(IGNORED_SUFFIXES):
                continue
            _stays_inside(path, root)
            if path.is_file():
                yield path


def _stays_inside(path: Path, root: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise ValueError(f"the symbolic link {path.relative_to(path.anchor)} leads out of the folder; copy the file in")


def _requirement_lines(folder: Path, file: Path) -> tuple[list[str], list[str]]:
    """Read a requirements file and the ones it includes; return lines and problems."""
    lines: list[str] = []
    found: list[str] = []
    if not file.is_file():
        return lines, found
    for number, raw in enumerate(file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines(), start=1):
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#") or line.startswith(_INDEX_OPTIONS):
            continue
        if line.startswith(("-r ", "--requirement ")):
            included = (file.parent / line.split(maxsplit=1)[1]).resolve()
            if not included.is_relative_to(folder.resolve()) or included == file.resolve():
                found.append(f"source_dir: {file.name} line {number} includes {line!r}, which is outside the folder")
                continue
            more = _requirement_lines(folder, included)
            lines += more[0]
            found += more[1]
        elif line.startswith("-"):
            found.append(f"source_dir: {file.name} line {number}: PAI takes requirement lines, not pip's {line!r}")
        else:
            lines.append(line)
    return lines, found
