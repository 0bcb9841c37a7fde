"""Rows that users add to a service, such as datasets: by id, in the order they came, kept over restarts."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.http.page import descending
from airflow_provider_pai.local.http.parameters import one_of
from airflow_provider_pai.local.records import Change, RecordTable, Row

__all__ = ["NoSuchRow", "RecordStore", "Row", "new_id", "sort_rows"]
_ID_CHARACTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 18


class NoSuchRow(KeyError):
    """There is no such row, or it has been removed meanwhile."""


class RecordStore:
    """Rows of one kind; safe to use from several threads. A row is never changed in place.

    Args:
        key: the member that has a row's id.
        table: keeps each row; it is written before a change counts.
    """

    def __init__(self, key: str, table: RecordTable) -> None:
        self._key = key
        self._table = table
        self._rows = table.rows()
        self._ids = {_name(row): row_id for row_id, row in self._rows.items()}
        self._lock = threading.RLock()

    def rows(self) -> list[Row]:
        """Return all rows, oldest first."""
        with self._lock:
            return list(self._rows.values())

    def find(self, row_id: str) -> Row | None:
        """Return the row of an id; None when there is none."""
        with self._lock:
            return self._rows.get(row_id)

    def named(self, workspace_id: str, name: str) -> Row | None:
        """Return the row of a name; None when its workspace has none."""
        with self._lock:
            return self._rows.get(self._ids.get((workspace_id, name), ""))

    def add(self, row: Row) -> bool:
        """Add a row; False when its workspace has one of its name."""
        with self._lock:
            if _name(row) in self._ids:
                return False
            self._write(row)
            return True

    def change(self, row_id: str, change: Callable[[Row], Mapping[str, Any]]) -> bool:
        """Replace members of a row; no other change comes between reading and writing.

        Args:
            row_id: an existing row.
            change: gets the row, returns the members to set.

        Returns:
            False when its workspace has another row of its new name.

        Raises:
            NoSuchRow: there is none of this id.
        """
        with self._lock:
            row = self._existing(row_id)
            new = {**row, **change(row)}
            if _name(new) != _name(row) and _name(new) in self._ids:
                return False
            self._write(new)
            del self._ids[_name(row)]
            self._ids[_name(new)] = row_id
            return True

    def remove(self, row_id: str) -> bool:
        """Remove a row; False when there is none of this id."""
        with self._lock:
            if row_id not in self._rows:
                return False
            self._table.remove(row_id)
            self._forget(row_id)
            return True

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._table.clear()
            self._rows.clear()
            self._ids.clear()

    def _existing(self, row_id: str) -> Row:
        if (row := self._rows.get(row_id)) is None:
            raise NoSuchRow(row_id)
        return row

    def _write(self, row: Row, *others: Change) -> None:
        """Keep a row, and together with it other changes."""
        row_id = row[self._key]
        self._table.records.write([self._table.change(row_id, row), *others])
        self._rows[row_id] = row
        self._ids[_name(row)] = row_id

    def _forget(self, row_id: str) -> None:
        del self._ids[_name(self._rows.pop(row_id))]


def _name(row: Row) -> tuple[str, str]:
    """Return what is unique: a name in its workspace."""
    return row["WorkspaceId"], row["Name"]


def sort_rows(
    rows: Sequence[Row], query: Mapping[str, str], sortable: tuple[str, ...], *, newest_first: bool = False
) -> list[Row]:
    """Return rows as ``SortBy`` and ``Order`` ask for.

    Args:
        rows: the rows, oldest first.
        query: the request's parameters.
        sortable: members to sort by; the first one unless asked otherwise.
        newest_first: whether the order is descending unless asked otherwise.

    Raises:
        ErrorResponse: 400 InvalidParameter.
    """
    sort_by, backwards = one_of(query, "SortBy", sortable, sortable[0]), descending(query, newest_first)
    # Equal rows stay in the order they came, or the opposite.
    return sorted(rows[::-1] if backwards else rows, key=lambda row: str(row[sort_by]), reverse=backwards)


def new_id(prefix: str) -> str:
    """Return an id at random: the prefix and 18 lower-case letters and digits, the service's form."""
    return prefix + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
