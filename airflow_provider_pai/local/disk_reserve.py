"""A little space on the disk that is kept back, so that a full one can still be told."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RESERVED = 256 * 1024
"""Bytes: some dozens of records."""
FULL = 1024 * 1024
"""Bytes: a disk that has fewer left is full. Of what a job still writes then, most is lost."""


class DiskReserve:
    """Space that is given up when there is no other.

    Args:
        path: the file that holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fill()

    def fill(self) -> None:
        """Keep the space back, if there is any to keep."""
        try:
            if not self._path.exists() or self._path.stat().st_size < RESERVED:
                with self._path.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, RESERVED)
        except OSError:
            self._path.unlink(missing_ok=True)

    def spend(self, write: Callable[[], T]) -> T:
        """Write something, with the space that was kept back when there is no other.

        Raises:
            OSError: it can't be written.
        """
        try:
            return write()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._path.exists():
                raise
            self._path.unlink()
            return write()
