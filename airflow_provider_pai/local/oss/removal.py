"""Deleting objects, which must work on a full disk: it is what makes room on it."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_pai.local.disk_reserve import DiskReserve
from airflow_provider_pai.local.oss.blobs import Blobs
from airflow_provider_pai.local.oss.index import Index, StoredObject, find_object, require_bucket


class Removal:
    """Deletes objects of a store; see :meth:`ObjectStore.delete_many`."""

    def __init__(self, index: Index, blobs: Blobs, reserve: DiskReserve) -> None:
        self._index = index
        self._blobs = blobs
        self._reserve = reserve

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects, all at once; absent ones are no error."""
        wanted = list(keys)
        for stored in self._reserve.spend(lambda: self._forget(bucket, wanted)):
            self._blobs.remove(stored.blob)
        self._reserve.fill()

    def _forget(self, bucket: str, keys: Iterable[str]) -> list[StoredObject]:
        with self._index.changing() as db:
            require_bucket(db, bucket)
            found = [stored for key in keys if (stored := find_object(db, bucket, key))]
            rows = [(bucket, stored.key.encode()) for stored in found]
            db.executemany("DELETE FROM objects WHERE bucket = ? AND key = ?", rows)
        return found
