"""Rows that users add to a service, such as datasets: by id, in the order they came, kept over restarts."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.http.page import descending
from airflow_provider_pai.local.http.parameters import one_of

Row = dict[str, Any]

_ID_CHARACTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 18


class RecordStore:
    """Rows of one kind; safe to use from several threads. A row is never changed in place.

    Args:
        key: the member that has a row's id.
        rows: what a former store gave to ``keep``.
        keep: called with all rows after each change, to store them.
    """

    def __init__(self, key: str, rows: Iterable[Row], keep: Callable[[list[Row]], None]) -> None:
        self._key = key
        self._rows = {row[key]: row for row in rows}
        self._keep = keep
        self._lock = threading.Lock()

    def rows(self) -> list[Row]:
        """Return all rows, oldest first."""
        with self._lock:
            return list(self._rows.values())

    def find(self, row_id: str) -> Row | None:
        """Return the row of an id; None when there is none."""
        with self._lock:
            return self._rows.get(row_id)

    def add(self, row: Row) -> bool:
        """Add a row; False when its workspace has one of its name."""
        with self._lock:
            if self._has_name(row, row["Name"]):
                return False
            self._store({**self._rows, row[self._key]: row})
            return True

    def change(self, row_id: str, change: Callable[[Row], Mapping[str, Any]]) -> bool:
        """Replace members of a row; no other change comes between reading and writing.

        Args:
            row_id: an existing row.
            change: gets the row, returns the members to set.

        Returns:
            False when its workspace has another row of its new name.

        Raises:
            KeyError: there is no such row.
        """
        with self._lock:
            row = self._rows[row_id]
            new = {**row, **change(row)}
            if new["Name"] != row["Name"] and self._has_name(new, new["Name"]):
                return False
            self._store({**self._rows, row_id: new})
            return True

    def remove(self, row_id: str) -> bool:
        """Remove a row; False when there is none of this id."""
        with self._lock:
            if row_id not in self._rows:
                return False
            self._store({key: row for key, row in self._rows.items() if key != row_id})
            return True

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._store({})

    def _has_name(self, row: Row, name: str) -> bool:
        return any(
            other["WorkspaceId"] == row["WorkspaceId"] and other["Name"] == name for other in self._rows.values()
        )

    def _store(self, rows: dict[str, Row]) -> None:
        self._keep(list(rows.values()))
        self._rows = rows


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
