"""One SQLite database of a server's folder: changes are whole or not at all, and survive ``kill -9``."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Database:
    """One connection, used by one thread at a time. What was committed survives ``kill -9``.

    Args:
        path: its file.
        schema: statements that make its tables where they are missing.
        synchronous: SQLite's setting: ``FULL`` waits for the disk at each commit, ``NORMAL`` does not.

    Raises:
        sqlite3.Error: the file is something else, or damaged.
    """

    def __init__(self, path: Path, schema: str, *, synchronous: str = "NORMAL") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={synchronous}")
            self._db.executescript(schema)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Look things up while nothing changes."""
        with self._lock:
            yield self._db

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Change things: all of what the block does, or nothing when it raises.

        Raises:
            OSError: ENOSPC, the disk is full.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                raise
