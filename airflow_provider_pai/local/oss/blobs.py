"""The bytes of objects: one file each, complete or absent."""

from __future__ import annotations

import base64
import hashlib
import shutil
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from airflow_provider_pai.local.oss import crc64
from airflow_provider_pai.local.oss.joined_file import JoinedFile

CHUNK = 1 << 20
"""Bytes read or written at a time, whatever an object's size."""
_BEHIND = "+"
"""Between the names of files that together are one blob."""
_KEPT_APART = 16
"""Files that one blob may be: each is open while the blob is read."""
_KEPT_FROM = 4 * CHUNK
"""Bytes from which on a blob may be several files: fewer are written into one in no time."""


@dataclass(frozen=True)
class Blob:
    """A finished file of bytes.

    Attributes:
        name: file name in the blob folder; of several files their names, see :func:`file_names`.
        size: bytes.
        md5: MD5, upper-case hexadecimal.
        crc64: CRC-64 of the bytes.
    """

    name: str
    size: int
    md5: str
    crc64: int


def file_names(name: str) -> list[str]:
    """Return the names of the files that a blob is, in order."""
    return name.split(_BEHIND)


class BlobWriter:
    """Takes the bytes of one blob under a temporary name.

    Leaving its ``with`` block without :meth:`finish` throws the bytes away.
    """

    def __init__(self, staged: Path, final: Path) -> None:
        self._staged = staged
        self._final = final
        self._file = staged.open("wb")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc64 = 0
        self._size = 0

    def write_all(self, pieces: Iterable[bytes]) -> None:
        """Take more bytes, in pieces."""
        for piece in pieces:
            self.write(piece)

    def write(self, data: bytes) -> None:
        """Take more bytes."""
        self._file.write(data)
        self._md5.update(data)
        self._crc64 = crc64.update(data, self._crc64)
        self._size += len(data)

    def fill(self, source: BinaryIO, size: int | None = None) -> None:
        """Take a stream's bytes, all of them or the first ``size``."""
        left = size
        while left is None or left > 0:
            data = source.read(CHUNK if left is None else min(CHUNK, left))
            if not data:
                return
            self.write(data)
            left = None if left is None else left - len(data)

    def finish(self) -> Blob:
        """Give the bytes their final name and return what they are."""
        self._file.close()
        self._staged.rename(self._final)
        return Blob(self._final.name, self._size, self._md5.hexdigest().upper(), self._crc64)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._staged.unlink(missing_ok=True)


class Blobs:
    """The folder of blobs. A blob that no index row names is garbage; :meth:`sweep` removes it."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "blobs"
        self._staging = home / "staging"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(exist_ok=True)

    def writer(self) -> BlobWriter:
        """Begin a new blob."""
        name = uuid.uuid4().hex
        return BlobWriter(self._staging / name, self._folder / name)

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading; it stays readable when it is removed meanwhile."""
        files = [self._folder / each for each in file_names(name)]
        return files[0].open("rb") if len(files) == 1 else BufferedReader(JoinedFile(files), CHUNK)

    def join(self, names: Sequence[str], size: int) -> str:
        """Return the name of a blob with the bytes of others behind one another.

        Few large ones stay the files that they are: then they are the new blob's, too. Of all others there is a copy.

        Args:
            names: the others.
            size: bytes of all.

        Raises:
            FileNotFoundError: one of them was removed meanwhile; nothing is left behind.
        """
        if len(names) == 1 or (size >= _KEPT_FROM and len(names) <= _KEPT_APART):
            for part in names:
                (self._folder / part).stat()
            return _BEHIND.join(names)
        name = uuid.uuid4().hex
        staged = self._staging / name
        try:
            with staged.open("wb") as target:
                for part in names:
                    with self.open(part) as source:
                        shutil.copyfileobj(source, target, CHUNK)
            staged.rename(self._folder / name)
        finally:
            staged.unlink(missing_ok=True)
        return name

    def md5(self, name: str) -> str:
        """Return the MD5 of a blob's bytes, in Base64."""
        with self.open(name) as source:
            digest = hashlib.md5(usedforsecurity=False)
            while data := source.read(CHUNK):
                digest.update(data)
        return base64.b64encode(digest.digest()).decode()

    def extend(self, name: str, size: int, addition: str) -> None:
        """Write one blob's bytes behind the first ``size`` bytes of another, over what an interrupted append left."""
        with (self._folder / name).open("r+b") as target, self.open(addition) as source:
            target.seek(size)
            shutil.copyfileobj(source, target, CHUNK)

    def remove(self, name: str) -> None:
        """Remove a blob; one that is gone already is no error."""
        for each in file_names(name):
            (self._folder / each).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Return the names of all files of blobs there are."""
        return {blob.name for blob in self._folder.iterdir()}

    def sweep(self, keep: Collection[str]) -> None:
        """Remove unfinished blobs and those that nothing refers to."""
        for staged in self._staging.iterdir():
            staged.unlink()
        for blob in self._folder.iterdir():
            if blob.name not in keep:
                blob.unlink()
