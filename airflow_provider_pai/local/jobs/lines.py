"""A text file of lines that grows at its end and is read in pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

_STRIDE = 256
_CHUNK = 1 << 20


class LineFile:
    """Lines in a file: appended one by one, read in pages from any thread.

    A line that is still being written is not there yet, so a page that was full once never changes. Where lines
    begin is remembered for every 256th of them: a page deep in a long log does not read the log from its start.

    Args:
        path: the file; made, with its folder, by the first line.
        keep_open: don't close the file after each line, for a file that gets many; :meth:`close` does.
    """

    def __init__(self, path: Path, *, keep_open: bool = False) -> None:
        self._path = path
        self._keep_open = keep_open
        self._file: FileIO | None = None
        self._lock = threading.Lock()
        self._marks = [0]
        self._lines = 0
        self._scanned = 0

    def append(self, line: str) -> None:
        """Add a line; line breaks and NUL characters inside it become spaces."""
        text = line.translate({0: " ", 10: " ", 13: " "})
        with self._lock:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = FileIO(self._path, "a")
            self._file.write(text.encode("utf-8", "replace") + b"\n")
            if not self._keep_open:
                self._close()

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        with self._lock:
            self._close()

    def __len__(self) -> int:
        with self._lock:
            return self._count()

    def page(self, start: int, count: int) -> tuple[list[str], int]:
        """Return up to ``count`` lines from line ``start`` (from 0) on, and the number of all lines."""
        with self._lock:
            total = self._count()
            return list(self._read(start, min(start + count, total))), total

    def tail(self, count: int) -> list[str]:
        """Return the last ``count`` lines, oldest first."""
        with self._lock:
            total = self._count()
            return list(self._read(max(0, total - count), total))

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _count(self) -> int:
        """Look at what was written since the last time, and return the number of complete lines."""
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            file.seek(self._scanned)
            while chunk := file.read(_CHUNK):
                self._scan(chunk)
        return self._lines

    def _scan(self, chunk: bytes) -> None:
        end = chunk.find(b"\n")
        while end >= 0:
            self._lines += 1
            if self._lines % _STRIDE == 0:
                self._marks.append(self._scanned + end + 1)
            end = chunk.find(b"\n", end + 1)
        self._scanned += len(chunk)

    def _read(self, start: int, end: int) -> Iterator[str]:
        if start >= end:
            return
        with self._path.open("rb") as file:
            file.seek(self._marks[start // _STRIDE])
            for number in range(start // _STRIDE * _STRIDE, end):
                line = file.readline()
                if number >= start:
                    yield line[:-1].decode("utf-8", "replace")
