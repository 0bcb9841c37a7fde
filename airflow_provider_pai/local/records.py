"""What is remembered beside jobs, services and objects: records by kind and id, in one SQLite database.

A change costs what it changes, however many records there are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.database import Database
from airflow_provider_pai.local.home import HomeDamaged

FILE = "records.sqlite3"
Row = dict[str, Any]
# The number is the order in which records came; a record keeps it when it changes.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, UNIQUE (kind, id));
"""
_PUT = """
INSERT INTO records (kind, id, content) VALUES (?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content
"""


@dataclass(frozen=True)
class Change:
    """One record that is written or removed.

    Attributes:
        kind: its kind.
        record_id: its id, unique in its kind.
        row: what it is from now on; None to remove it.
    """

    kind: str
    record_id: str
    row: Mapping[str, Any] | None


class Records:
    """All records of a server's folder; any thread may call it. What a call has returned survives ``kill -9``.

    Args:
        folder: the folder; the file is readable for its owner only.

    Raises:
        HomeDamaged: the file holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        # Temporary keys are among the records; SQLite gives its other files the mode of the first.
        self.path.touch(mode=0o600)
        try:
            self._database = Database(self.path, _SCHEMA, synchronous="FULL")
        except sqlite3.Error as error:
            raise HomeDamaged(f"{self.path} is damaged: it can't be read ({error})") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def table(self, kind: str) -> RecordTable:
        """Return the records of one kind."""
        return RecordTable(self, kind)

    def read(self, kind: str) -> dict[str, Row]:
        """Return the records of a kind by id, in the order they came.

        Raises:
            HomeDamaged: they can't be read.
        """
        query = "SELECT id, content FROM records WHERE kind = ? ORDER BY number"
        try:
            with self._database.reading() as db:
                found = {record_id: json.loads(content) for record_id, content in db.execute(query, (kind,))}
        except (sqlite3.Error, ValueError, RecursionError) as error:
            raise HomeDamaged(f"{self.path} is damaged: its {kind} can't be read ({error})") from error
        if not all(isinstance(row, dict) for row in found.values()):
            raise HomeDamaged(f"{self.path} is damaged: its {kind} hold something that is no object")
        return found

    def write(self, changes: Iterable[Change]) -> None:
        """Make all of these changes, or none of them.

        Raises:
            OSError: ENOSPC, the disk is full.
        """
        with self._database.changing() as db:
            for change in changes:
                if change.row is None:
                    db.execute("DELETE FROM records WHERE kind = ? AND id = ?", (change.kind, change.record_id))
                else:
                    content = json.dumps(change.row, ensure_ascii=False)
                    db.execute(_PUT, (change.kind, change.record_id, content))

    def clear(self, kinds: Iterable[str]) -> None:
        """Remove all records of some kinds, or none."""
        with self._database.changing() as db:
            for kind in kinds:
                db.execute("DELETE FROM records WHERE kind = ?", (kind,))


@dataclass(frozen=True)
class RecordTable:
    """The records of one kind.

    Attributes:
        records: where they are kept.
        kind: their kind.
    """

    records: Records
    kind: str

    def rows(self) -> dict[str, Row]:
        """Return the rows by id, in the order they came.

        Raises:
            HomeDamaged: they can't be read.
        """
        return self.records.read(self.kind)

    def put(self, record_id: str, row: Mapping[str, Any]) -> None:
        """Keep a row, in the place of the one of its id if there is one."""
        self.records.write([self.change(record_id, row)])

    def remove(self, record_id: str) -> None:
        """Remove a row; nothing when there is none of this id."""
        self.records.write([self.change(record_id, None)])

    def clear(self) -> None:
        """Remove all rows."""
        self.records.clear([self.kind])

    def change(self, record_id: str, row: Mapping[str, Any] | None) -> Change:
        """Return a change of one of these rows, to be made together with others."""
        return Change(self.kind, record_id, row)
