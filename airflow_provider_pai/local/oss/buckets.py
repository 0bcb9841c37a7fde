"""The buckets of a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, bucket_not_empty, invalid_argument
from airflow_provider_pai.local.oss.index import Index, require_bucket
from airflow_provider_pai.local.oss.names import check_bucket
from airflow_provider_pai.local.oss.storage_class import STORAGE_CLASS_HEADER, StorageClass

_BY_CLASS = """
SELECT json_extract(headers, '$."' || ? || '"') AS kept, sum(size), sum(max(size, ?)), count(*)
FROM objects WHERE bucket = ? GROUP BY kept
"""
_PARTS = "SELECT count(*), coalesce(sum(size), 0) FROM parts JOIN uploads ON upload = id WHERE bucket = ?"
_USES = ("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", "SELECT 1 FROM uploads WHERE bucket = ? LIMIT 1")


_SMALLEST_BILLED = 64 * 1024
_COLUMNS = "SELECT name, created, storage_class, redundancy FROM buckets LEFT JOIN bucket_settings ON bucket = name"


class Redundancy(StrEnum):
    """In how many zones a bucket is kept."""

    LRS = "LRS"
    ZRS = "ZRS"


@dataclass(frozen=True)
class BucketSettings:
    """What a bucket is made with.

    Attributes:
        storage_class: class of the objects that come without one.
        redundancy: in how many zones it is kept.
    """

    storage_class: StorageClass = StorageClass.STANDARD
    redundancy: Redundancy = Redundancy.LRS


@dataclass(frozen=True)
class BucketConfiguration:
    """What a request to make a bucket asks for; None for what it leaves open. See :class:`BucketSettings`."""

    storage_class: StorageClass | None = None
    redundancy: Redundancy | None = None

    @property
    def settings(self) -> BucketSettings:
        """Return what a new bucket is made with."""
        return BucketSettings(self.storage_class or StorageClass.STANDARD, self.redundancy or Redundancy.LRS)

    def conflicts_with(self, made: BucketSettings) -> bool:
        """Tell whether it asks for something else than a bucket was made with."""
        asked = ((self.storage_class, made.storage_class), (self.redundancy, made.redundancy))
        return any(wanted not in (None, had) for wanted, had in asked)


@dataclass(frozen=True)
class Bucket:
    """A bucket.

    Attributes:
        name: its name.
        created: seconds since the epoch.
        settings: what it was made with.
    """

    name: str
    created: int
    settings: BucketSettings = BucketSettings()


@dataclass(frozen=True)
class BucketStat:
    """What a bucket holds.

    Attributes:
        size: bytes of its objects.
        objects: how many objects.
        uploads: how many multipart uploads are under way.
        parts: how many parts they have.
        parts_size: bytes of these parts.
        by_class: bytes, billed bytes and number of objects of each storage class.
    """

    size: int
    objects: int
    uploads: int
    parts: int
    parts_size: int
    by_class: Mapping[StorageClass, tuple[int, int, int]] = field(default_factory=dict)


def read_redundancy(value: str) -> Redundancy:
    """Return a redundancy by its name.

    Raises:
        OSSErrorResponse: InvalidArgument.
    """
    if value not in list(Redundancy):
        message = f"DataRedundancyType must be one of {', '.join(Redundancy)}"
        raise invalid_argument(message, "DataRedundancyType", value)
    return Redundancy(value)


class Buckets:
    """Creates, finds and deletes buckets; the store's methods of the same purpose are documented there."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        self._index = index
        self._clock = clock

    def create(self, name: str, asked: BucketConfiguration) -> None:
        """Create a bucket unless it is there as asked for."""
        with self._index.changing() as db:
            made = db.execute(f"{_COLUMNS} WHERE name = ?", (check_bucket(name),)).fetchone()
            if made is not None:
                if asked.conflicts_with(_bucket(made).settings):
                    raise _bucket_already_exists(name)
                return
            row = (name, asked.settings.storage_class, asked.settings.redundancy)
            db.execute("INSERT INTO buckets VALUES (?, ?)", (name, int(self._clock())))
            db.execute("INSERT OR REPLACE INTO bucket_settings VALUES (?, ?, ?)", row)

    def delete(self, name: str) -> None:
        """Delete a bucket that holds neither objects nor uploads."""
        with self._index.changing() as db:
            require_bucket(db, name)
            if any(db.execute(query, (name,)).fetchone() for query in _USES):
                raise bucket_not_empty(name)
            for table in ("bucket_acls", "bucket_settings"):
                db.execute(f"DELETE FROM {table} WHERE bucket = ?", (name,))  # noqa: S608 - constant names
            db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def get(self, name: str) -> Bucket:
        """Return a bucket."""
        with self._index.reading() as db:
            require_bucket(db, name)
            return _bucket(db.execute(f"{_COLUMNS} WHERE name = ?", (name,)).fetchone())

    def all(self) -> list[Bucket]:
        """Return all buckets by name."""
        with self._index.reading() as db:
            return [_bucket(row) for row in db.execute(f"{_COLUMNS} ORDER BY name")]

    def stat(self, name: str) -> BucketStat:
        """Return what a bucket holds."""
        with self._index.reading() as db:
            require_bucket(db, name)
            classes = _classes(db, name)
            uploads = db.execute("SELECT count(*) FROM uploads WHERE bucket = ?", (name,)).fetchone()[0]
            parts, parts_size = db.execute(_PARTS, (name,)).fetchone()
        size = sum(size for size, _, _ in classes.values())
        return BucketStat(size, sum(count for _, _, count in classes.values()), uploads, parts, parts_size, classes)


def _bucket(row: tuple[str, int, str | None, str | None]) -> Bucket:
    name, created, storage_class, redundancy = row
    if storage_class is None or redundancy is None:
        return Bucket(name, created)
    return Bucket(name, created, BucketSettings(StorageClass(storage_class), Redundancy(redundancy)))


def _classes(db: sqlite3.Connection, bucket: str) -> dict[StorageClass, tuple[int, int, int]]:
    found = dict.fromkeys(StorageClass, (0, 0, 0))
    for kept, size, billed, count in db.execute(_BY_CLASS, (STORAGE_CLASS_HEADER, _SMALLEST_BILLED, bucket)):
        found[StorageClass(kept or StorageClass.STANDARD)] = (size, billed, count)
    return found


def _bucket_already_exists(name: str) -> OSSErrorResponse:
    # [inferred] The code for a bucket of one's own that was made with other settings.
    message = "The requested bucket name exists with another storage class or redundancy type."
    return OSSErrorResponse(409, "BucketAlreadyExists", message, details={"BucketName": name})
