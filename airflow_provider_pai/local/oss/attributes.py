"""What can be changed about an object without its bytes, and about a bucket: ACLs and tags.

Changing them leaves an object's time of modification alone: documented for tags, [inferred] for ACLs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from airflow_provider_pai.local.oss.acl import ACL, OBJECT_ACL_HEADER
from airflow_provider_pai.local.oss.blobs import Blobs
from airflow_provider_pai.local.oss.index import (
    Index,
    ObjectKind,
    StoredObject,
    find_object,
    record_object,
    require_bucket,
    require_object,
)
from airflow_provider_pai.local.oss.links import target_of
from airflow_provider_pai.local.oss.tagging import TAGGING_HEADER, encode_tags, tags_of


class Attributes:
    """Reads and changes ACLs and tags; a link's are its own, not its target's."""

    def __init__(self, index: Index, blobs: Blobs) -> None:
        self._index = index
        self._blobs = blobs

    def bucket_acl(self, bucket: str) -> ACL:
        """Return a bucket's ACL.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        with self._index.reading() as db:
            return _bucket_acl(db, bucket)

    def set_bucket_acl(self, bucket: str, acl: ACL) -> None:
        """Change a bucket's ACL.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        with self._index.changing() as db:
            require_bucket(db, bucket)
            db.execute("INSERT OR REPLACE INTO bucket_acls (bucket, acl) VALUES (?, ?)", (bucket, str(acl)))

    def object_acl(self, bucket: str, key: str) -> ACL:
        """Return an object's own ACL.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey.
        """
        with self._index.reading() as db:
            return _own_acl(require_object(db, bucket, key))

    def set_object_acl(self, bucket: str, key: str, acl: ACL) -> None:
        """Change an object's own ACL.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey.
        """
        self._set(bucket, key, OBJECT_ACL_HEADER, str(acl))

    def tags(self, bucket: str, key: str) -> dict[str, str]:
        """Return an object's tags.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey.
        """
        with self._index.reading() as db:
            return tags_of(require_object(db, bucket, key).headers)

    def set_tags(self, bucket: str, key: str, tags: Iterable[tuple[str, str]]) -> None:
        """Put tags in the place of those an object has; none at all removes them.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey; InvalidTag: see :func:`encode_tags`.
        """
        self._set(bucket, key, TAGGING_HEADER, encode_tags(tags))

    def allows_public_read(self, bucket: str, key: str) -> bool:
        """Tell whether a request without a signature may read an object; of a link, its target as well.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        with self._index.reading() as db:
            stored = find_object(db, bucket, key)
            if stored is not None and stored.kind is ObjectKind.SYMLINK:
                target = find_object(db, bucket, target_of(self._blobs, stored))
                return (
                    _acl_in_force(db, bucket, stored).allows_public_read
                    and _acl_in_force(db, bucket, target).allows_public_read
                )
            return _acl_in_force(db, bucket, stored).allows_public_read

    def allows_public_write(self, bucket: str, key: str) -> bool:
        """Tell whether a request without a signature may write an object.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        with self._index.reading() as db:
            return _acl_in_force(db, bucket, find_object(db, bucket, key)).allows_public_write

    def _set(self, bucket: str, key: str, name: str, value: str) -> None:
        with self._index.changing() as db:
            stored = require_object(db, bucket, key)
            headers = {**stored.headers, name: value}
            if not value:
                del headers[name]
            record_object(db, replace(stored, headers=headers), forbid_overwrite=False)


def _acl_in_force(db: sqlite3.Connection, bucket: str, stored: StoredObject | None) -> ACL:
    own = ACL.DEFAULT if stored is None else _own_acl(stored)
    return _bucket_acl(db, bucket) if own is ACL.DEFAULT else own


def _own_acl(stored: StoredObject) -> ACL:
    return ACL(stored.headers.get(OBJECT_ACL_HEADER, ACL.DEFAULT))


def _bucket_acl(db: sqlite3.Connection, bucket: str) -> ACL:
    require_bucket(db, bucket)
    row = db.execute("SELECT acl FROM bucket_acls WHERE bucket = ?", (bucket,)).fetchone()
    return ACL.PRIVATE if row is None else ACL(row[0])
