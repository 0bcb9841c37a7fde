"""Files read as if they were one, so that a large upload in parts need not be written a second time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class JoinedFile(io.RawIOBase):
    """Several files behind one another, for reading; all are opened at once, and stay readable when they are removed.

    Args:
        paths: the files, at least one.

    Raises:
        FileNotFoundError: one is not there; none stays open.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[io.FileIO] = []
        self._starts: list[int] = []
        self._place = 0
        self._size = 0
        try:
            for path in paths:
                self._starts.append(self._size)
                self._files.append(io.FileIO(path))
                self._size += self._files[-1].seek(0, io.SEEK_END)
        except BaseException:
            self.close()
            raise

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it; one beyond the end is allowed, as in any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer as far as one file reaches, and return how many bytes that are; 0 at the end."""
        view = memoryview(buffer).cast("B")
        for file, start in zip(reversed(self._files), reversed(self._starts), strict=True):
            if start <= self._place:
                return self._read_from(file, start, view) if self._place < self._size else 0
        return 0

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()
        super().close()

    def _read_from(self, file: io.FileIO, start: int, view: memoryview) -> int:
        file.seek(self._place - start)
        count = file.readinto(view) or 0
        self._place += count
        return count
