"""A log: lines in a file, and beside it the second that each of them came."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import overload

from airflow_provider_pai.local.jobs.lines import LineFile

_SECOND = struct.Struct(">Q")


class TimedLines:
    """Lines that are appended in the order of time, and read in pages of a span of time from any thread.

    Args:
        path: the file of the lines; the times lie beside it.
    """

    def __init__(self, path: Path) -> None:
        self._lines = LineFile(path, keep_open=True)
        self._times = path.with_suffix(".times")
        self._file: FileIO | None = None

    def append(self, line: str, when: datetime) -> None:
        """Add a line. Callers take turns.

        Args:
            line: the line.
            when: it came; not before those that are there.
        """
        if self._file is None:
            self._times.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self._times, "a")
        self._file.write(_SECOND.pack(int(when.timestamp())))
        self._lines.append(line)

    def close(self) -> None:
        """Close the files; a later line opens them again."""
        self._lines.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return len(self._lines)

    def tail(self, count: int) -> list[str]:
        """Return the last ``count`` lines, oldest first."""
        return self._lines.tail(count)

    def page(
        self, start: int, count: int, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[list[str], int]:
        """Return some lines of a span of time, and the number of all lines of it.

        Args:
            start: the first line, from 0.
            count: how many lines at most.
            since: lines that came before are none of the span; None for no limit.
            until: lines that came after are none of the span; None for no limit.
        """
        if since is None and until is None:
            return self._lines.page(start, count)
        total = len(self._lines)
        times = _Seconds(self._times)
        # Lines that were written before times were are older than all that have one.
        older = max(0, total - len(times))
        first = bisect_left(times, int(since.timestamp())) if since else 0
        last = bisect_right(times, int(until.timestamp())) if until else len(times)
        begin = older + first if first else 0
        end = min(total, older + last)
        lines, _ = self._lines.page(begin + start, max(0, min(count, end - begin - start)))
        return lines, max(0, end - begin)


class _Seconds(Sequence[int]):
    """The times in a file, read one by one where they are looked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = path.stat().st_size // _SECOND.size if path.exists() else 0

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        with self._path.open("rb") as file:
            file.seek(index * _SECOND.size)
            return int(_SECOND.unpack(file.read(_SECOND.size))[0])
