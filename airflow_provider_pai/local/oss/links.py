"""Symbolic links: objects that hold the key of another object in their bucket.

Nothing about the target is checked when a link is made; who reads through it finds out (OSS help, PutSymlink).
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from airflow_provider_pai.local.oss.blobs import Blobs
from airflow_provider_pai.local.oss.errors import invalid_target_type, not_a_symlink, symlink_target_not_exist
from airflow_provider_pai.local.oss.index import ObjectKind, StoredObject, find_object, require_object


def target_of(blobs: Blobs, link: StoredObject) -> str:
    """Return the key a link leads to.

    Raises:
        OSSErrorResponse: NotSymlink.
    """
    if link.kind is not ObjectKind.SYMLINK:
        raise not_a_symlink(link.key)
    with blobs.open(link.blob) as opened:
        return opened.read().decode()


def resolve_object(db: sqlite3.Connection, blobs: Blobs, bucket: str, key: str) -> StoredObject:
    """Return an object's facts as its reader sees them.

    Of a link these are the target's bytes, size, checksum and ETag, the later time of both, and for the rest its own
    (OSS help, HeadObject).

    Raises:
        OSSErrorResponse: NoSuchBucket, NoSuchKey; SymlinkTargetNotExist; InvalidTargetType: a link leads to a link.
    """
    stored = require_object(db, bucket, key)
    if stored.kind is not ObjectKind.SYMLINK:
        return stored
    target = find_object(db, bucket, target_of(blobs, stored))
    if target is None:
        raise symlink_target_not_exist(key)
    if target.kind is ObjectKind.SYMLINK:
        raise invalid_target_type(key)
    modified = max(stored.modified, target.modified)
    return replace(stored, blob=target.blob, size=target.size, etag=target.etag, crc64=target.crc64, modified=modified)
