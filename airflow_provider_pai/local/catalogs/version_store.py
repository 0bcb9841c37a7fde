"""Rows that have versions, such as models: each version is a record of its own, so that one costs what one costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_pai.local.catalogs.record_store import NoSuchRow, RecordStore
from airflow_provider_pai.local.records import Change, RecordTable, Row

_NAME = "VersionName"
_SOURCE = "SourceId"
_SEPARATOR = "/"
"""Between a row's id and a version's name in the id of a version's record; no id of a row has it."""


class Versions:
    """The versions of one row, in the order they came. The lock of their store protects them.

    Args:
        order: gets a version's name and returns what such names are sorted by.
    """

    def __init__(self, order: Callable[[str], Any]) -> None:
        self._order = order
        self._rows: dict[str, Row] = {}
        self._of_source: dict[str, dict[str, None]] = {}
        self._greatest = self._latest = ""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    @property
    def names(self) -> Iterable[str]:
        """The names, in the order they came."""
        return self._rows.keys()

    @property
    def greatest(self) -> str:
        """The greatest name; empty when there is no version."""
        return self._greatest

    @property
    def latest(self) -> Row | None:
        """The version that was made last; None when there is none."""
        return self._rows.get(self._latest)

    @property
    def first(self) -> Row | None:
        """The version that came first of those that are there; None when there is none."""
        return next(iter(self._rows.values()), None)

    def get(self, name: str) -> Row | None:
        """Return a version; None when there is none of this name."""
        return self._rows.get(name)

    def rows(self, source_id: str = "") -> list[Row]:
        """Return the versions, oldest first; those of one source if one is given."""
        if not source_id:
            return list(self._rows.values())
        # A version that is changed keeps its place among all; its source may be new.
        names = self._of_source.get(source_id, {})
        return sorted((self._rows[name] for name in names), key=lambda row: str(row["GmtCreateTime"]))

    def put(self, row: Row) -> None:
        """Add a version, or replace the one of its name."""
        name = row[_NAME]
        if (old := self._rows.get(name)) is not None and old.get(_SOURCE) != row.get(_SOURCE):
            self._forget_source(old)
        self._rows[name] = row
        self._of_source.setdefault(row.get(_SOURCE, ""), {})[name] = None
        if not self._greatest or self._order(name) > self._order(self._greatest):
            self._greatest = name
        if old is None and (self.latest is None or row["GmtCreateTime"] >= self.latest["GmtCreateTime"]):
            self._latest = name

    def remove(self, name: str) -> None:
        """Remove a version."""
        self._forget_source(self._rows.pop(name))
        if name == self._greatest:
            self._greatest = max(self._rows, key=self._order, default="")
        if name == self._latest:
            # Of equal times the one that came last.
            newest = max(reversed(self._rows.values()), key=lambda row: str(row["GmtCreateTime"]), default={_NAME: ""})
            self._latest = newest[_NAME]

    def _forget_source(self, row: Row) -> None:
        source = row.get(_SOURCE, "")
        self._of_source[source].pop(row[_NAME])
        if not self._of_source[source]:
            del self._of_source[source]


class VersionedStore(RecordStore):
    """Rows of one kind and their versions; safe to use from several threads.

    Args:
        key: the member that has a row's id.
        table: keeps each row.
        versions: keeps each version.
        order: gets a version's name and returns what such names are sorted by.
    """

    def __init__(
        self, key: str, table: RecordTable, versions: RecordTable, order: Callable[[str], Any] = lambda name: name
    ) -> None:
        super().__init__(key, table)
        self._version_table = versions
        self._order = order
        self._versions = {row_id: Versions(order) for row_id in self._rows}
        for record_id, row in versions.rows().items():
            self._versions[record_id.partition(_SEPARATOR)[0]].put(row)

    def versions(self, row_id: str, source_id: str = "") -> list[Row]:
        """Return the versions of a row, oldest first, those of one source if one is given; none without the row."""
        with self._lock:
            versions = self._versions.get(row_id)
            return versions.rows(source_id) if versions else []

    def version(self, row_id: str, name: str) -> Row | None:
        """Return a version of a row; None when there is none of this name."""
        with self._lock:
            versions = self._versions.get(row_id)
            return versions.get(name) if versions else None

    def latest(self, row_id: str) -> Row | None:
        """Return the version that was made last; None when there is none."""
        with self._lock:
            versions = self._versions.get(row_id)
            return versions.latest if versions else None

    def first(self, row_id: str) -> Row | None:
        """Return the version that came first; None when there is none."""
        with self._lock:
            versions = self._versions.get(row_id)
            return versions.first if versions else None

    def add_with_version(self, row: Row, version: Row) -> bool:
        """Add a row and its first version, both or none; False when its workspace has one of its name."""
        with self._lock:
            return self._add(row, version)

    def add(self, row: Row) -> bool:
        """Add a row without a version; False when its workspace has one of its name."""
        with self._lock:
            return self._add(row)

    def add_version(
        self, row_id: str, make: Callable[[Versions], Row], members: Mapping[str, Any] | None = None
    ) -> Row:
        """Add a version and return it; no other change comes between reading and writing.

        Args:
            row_id: an existing row.
            make: gets the versions so far, returns the new one.
            members: members of the row to set at the same time.

        Raises:
            NoSuchRow: there is none of this id.
        """
        with self._lock:
            row = {**self._existing(row_id), **(members or {})}
            versions = self._versions[row_id]
            version = make(versions)
            self._write(row, self._change(row_id, version[_NAME], version))
            versions.put(version)
            return version

    def change_version(self, row_id: str, name: str, change: Callable[[Row], Mapping[str, Any]]) -> Row:
        """Replace members of a version and return it; no other change comes between reading and writing.

        Args:
            row_id: the row.
            name: the version.
            change: gets the version, returns the members to set; none to leave it as it is.

        Raises:
            NoSuchRow: there is no such row or version.
        """
        with self._lock:
            version = self.version(row_id, name)
            if version is None:
                raise NoSuchRow(f"{row_id}{_SEPARATOR}{name}")
            if members := change(version):
                version = {**version, **members}
                self._table.records.write([self._change(row_id, name, version)])
                self._versions[row_id].put(version)
            return version

    def remove_version(self, row_id: str, name: str) -> bool:
        """Remove a version; False when there is none of this name."""
        with self._lock:
            if self.version(row_id, name) is None:
                return False
            self._table.records.write([self._change(row_id, name, None)])
            self._versions[row_id].remove(name)
            return True

    def remove(self, row_id: str) -> bool:
        """Remove a row with its versions; False when there is none of this id."""
        with self._lock:
            if row_id not in self._rows:
                return False
            gone = [self._change(row_id, name, None) for name in self._versions[row_id].names]
            self._table.records.write([*gone, self._table.change(row_id, None)])
            self._forget(row_id)
            del self._versions[row_id]
            return True

    def clear(self) -> None:
        """Forget all rows and versions."""
        with self._lock:
            self._table.records.clear([self._table.kind, self._version_table.kind])
            self._rows.clear()
            self._ids.clear()
            self._versions.clear()

    def _add(self, row: Row, *versions: Row) -> bool:
        if self.named(row["WorkspaceId"], row["Name"]) is not None:
            return False
        row_id = row[self._key]
        self._write(row, *(self._change(row_id, version[_NAME], version) for version in versions))
        self._versions[row_id] = Versions(self._order)
        for version in versions:
            self._versions[row_id].put(version)
        return True

    def _change(self, row_id: str, name: str, version: Row | None) -> Change:
        return self._version_table.change(f"{row_id}{_SEPARATOR}{name}", version)
