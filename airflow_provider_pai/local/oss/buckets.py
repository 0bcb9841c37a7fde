"""The buckets of a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_pai.local.oss.errors import bucket_not_empty
from airflow_provider_pai.local.oss.index import Index, require_bucket
from airflow_provider_pai.local.oss.names import check_bucket

_USES = ("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", "SELECT 1 FROM uploads WHERE bucket = ? LIMIT 1")


@dataclass(frozen=True)
class Bucket:
    """A bucket.

    Attributes:
        name: its name.
        created: seconds since the epoch.
    """

    name: str
    created: int


class Buckets:
    """Creates, finds and deletes buckets; the store's methods of the same purpose are documented there."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        self._index = index
        self._clock = clock

    def create(self, name: str) -> None:
        """Create a bucket unless it is there."""
        with self._index.changing() as db:
            db.execute("INSERT OR IGNORE INTO buckets VALUES (?, ?)", (check_bucket(name), int(self._clock())))

    def delete(self, name: str) -> None:
        """Delete a bucket that holds neither objects nor uploads."""
        with self._index.changing() as db:
            require_bucket(db, name)
            if any(db.execute(query, (name,)).fetchone() for query in _USES):
                raise bucket_not_empty(name)
            db.execute("DELETE FROM bucket_acls WHERE bucket = ?", (name,))
            db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def get(self, name: str) -> Bucket:
        """Return a bucket."""
        with self._index.reading() as db:
            return Bucket(name, require_bucket(db, name))

    def all(self) -> list[Bucket]:
        """Return all buckets by name."""
        with self._index.reading() as db:
            return [Bucket(*row) for row in db.execute("SELECT name, created FROM buckets ORDER BY name")]
