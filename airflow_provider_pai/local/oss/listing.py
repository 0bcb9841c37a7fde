"""Listing keys in pages: prefix, delimiter, marker."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_pai.local.oss.index import OBJECT_COLUMNS, Index, StoredObject, require_bucket

_BEYOND_ALL_KEYS = b"\xff"
_ROWS_WHEN_GROUPING = 32


@dataclass(frozen=True)
class ListingPage:
    """One answer of a listing.

    Attributes:
        objects: those found, in key order.
        prefixes: common prefixes found, in order.
        truncated: whether there is more.
        next_marker: where the next page begins; empty on the last one.
    """

    objects: tuple[StoredObject, ...]
    prefixes: tuple[str, ...]
    truncated: bool
    next_marker: str


def list_page(index: Index, bucket: str, prefix: str, delimiter: str, marker: str, max_keys: int) -> ListingPage:
    """List the keys behind a marker, in the order of their UTF-8 bytes.

    Args:
        index: where objects are recorded.
        bucket: the bucket.
        prefix: only keys that begin so.
        delimiter: keys are grouped up to its first occurrence behind the prefix; empty for no groups.
        marker: key or common prefix after which to begin; empty for the beginning.
        max_keys: most objects and groups together.

    Raises:
        OSSErrorResponse: NoSuchBucket.
    """
    with index.reading() as db:
        require_bucket(db, bucket)
        found = _walk(db, bucket, _Grouping(prefix.encode(), delimiter.encode()), marker.encode(), max_keys + 1)
    page = found[:max_keys]
    truncated = len(found) > max_keys
    return ListingPage(
        objects=tuple(item for item in page if isinstance(item, StoredObject)),
        prefixes=tuple(item for item in page if isinstance(item, str)),
        truncated=truncated,
        next_marker=_name(page[-1]) if truncated and page else "",
    )


@dataclass(frozen=True)
class _Grouping:
    prefix: bytes
    delimiter: bytes

    def group(self, key: bytes) -> bytes | None:
        """Return the common prefix a key falls under, or None."""
        at = key.find(self.delimiter, len(self.prefix)) if self.delimiter else -1
        return None if at < 0 else key[: at + len(self.delimiter)]

    def behind(self, marker: bytes) -> bytes:
        """Return the smallest key that may follow a marker.

        A marker that is itself a common prefix was an item of the page before: all of its group is behind us.
        """
        if not marker:
            return self.prefix
        is_group = marker.startswith(self.prefix) and self.group(marker) == marker
        return max(self.prefix, _successor(marker) if is_group else marker + b"\0")


def _walk(
    db: sqlite3.Connection, bucket: str, grouping: _Grouping, marker: bytes, wanted: int
) -> Sequence[StoredObject | str]:
    found: list[StoredObject | str] = []
    low = grouping.behind(marker)
    high = _successor(grouping.prefix) if grouping.prefix else _BEYOND_ALL_KEYS
    while len(found) < wanted:
        limit = wanted - len(found)
        limit = min(limit, _ROWS_WHEN_GROUPING) if grouping.delimiter else limit
        rows = _rows(db, bucket, low, high, limit)
        for stored in rows:
            key = stored.key.encode()
            group = grouping.group(key)
            found.append(stored if group is None else group.decode())
            low = key + b"\0" if group is None else _successor(group)
            if group is not None:
                break
        else:
            if len(rows) < limit:
                break
    return found


def _rows(db: sqlite3.Connection, bucket: str, low: bytes, high: bytes, limit: int) -> list[StoredObject]:
    query = f"SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608 - constant columns
    return [StoredObject.from_row(row) for row in db.execute(query, (bucket, low, high, limit))]


def _successor(text: bytes) -> bytes:
    """Return the smallest bytes greater than all that begin with these; UTF-8 has no byte 0xFF to overflow."""
    return text[:-1] + bytes([text[-1] + 1])


def _name(item: StoredObject | str) -> str:
    return item if isinstance(item, str) else item.key
