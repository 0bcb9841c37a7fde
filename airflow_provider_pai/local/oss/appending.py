"""Objects that grow: the only ones with bytes that change after they were stored."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_pai.local.oss import crc64
from airflow_provider_pai.local.oss.blobs import Blob, Blobs
from airflow_provider_pai.local.oss.errors import object_not_appendable, position_not_equal_to_length
from airflow_provider_pai.local.oss.index import ObjectKind, StoredObject, find_object, record_object
from airflow_provider_pai.local.oss.names import check_key


def append(
    db: sqlite3.Connection,
    blobs: Blobs,
    blob: Blob,
    place: tuple[str, str, int],
    headers: Mapping[str, str],
    now: int,
) -> StoredObject:
    """Append a blob to an object, or make it the object's beginning.

    The bytes are written behind those that count before the index counts them, so an interrupted append changes
    nothing that can be read.

    Args:
        db: the index, in a transaction.
        blobs: where the bytes are.
        blob: what to append; it becomes the object's own file when it is its beginning, else it is only read.
        place: bucket, key and the length the caller believes the object to have.
        headers: what to keep about a new object.
        now: seconds since the epoch.

    Raises:
        OSSErrorResponse: NoSuchBucket, InvalidObjectName, ObjectNotAppendable, PositionNotEqualToLength.
    """
    bucket, key, position = place
    old = find_object(db, bucket, check_key(key))
    if old is not None and old.kind is not ObjectKind.APPENDABLE:
        raise object_not_appendable()
    length = 0 if old is None else old.size
    if position != length:
        raise position_not_equal_to_length(length)
    if old is None:
        kind = ObjectKind.APPENDABLE
        stored = StoredObject(bucket, key, blob.name, blob.size, blob.md5, blob.crc64, kind, now, dict(headers))
    else:
        blobs.extend(old.blob, old.size, blob.name)
        stored = _extend(old, blob, now)
    record_object(db, stored, forbid_overwrite=False)
    return stored


def _extend(old: StoredObject, blob: Blob, now: int) -> StoredObject:
    # [inferred] OSS says only that an appendable object's ETag is not its MD5; it changes with every append.
    etag = hashlib.md5(f"{old.etag}{blob.md5}".encode(), usedforsecurity=False).hexdigest().upper()
    total = crc64.combine(old.crc64, blob.crc64, blob.size)
    return replace(old, size=old.size + blob.size, etag=etag, crc64=total, modified=now)
