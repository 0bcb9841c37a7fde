"""What is stored where: buckets, objects, uploads and their parts in one SQLite database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from airflow_provider_pai.local.database import Database
from airflow_provider_pai.local.oss.blobs import file_names
from airflow_provider_pai.local.oss.errors import file_already_exists, no_such_bucket, no_such_key

# Keys are BLOBs: OSS lists in the order of UTF-8 bytes, and so does memcmp. A CRC-64 does not fit SQLite's integers.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    crc64 TEXT NOT NULL, kind TEXT NOT NULL, modified INTEGER NOT NULL, headers TEXT NOT NULL,
    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, initiated INTEGER NOT NULL, headers TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    crc64 TEXT NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bucket_acls (bucket TEXT PRIMARY KEY, acl TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bucket_settings (
    bucket TEXT PRIMARY KEY, storage_class TEXT NOT NULL, redundancy TEXT NOT NULL) WITHOUT ROWID;
"""

OBJECT_COLUMNS = "bucket, key, blob, size, etag, crc64, kind, modified, headers"
_ObjectRow = tuple[str, bytes, str, int, str, str, str, int, str]


WHOLE_MD5 = "content-md5"
"""Under this name an object of sequential parts keeps the MD5 of all its bytes, in Base64."""


class ObjectKind(StrEnum):
    """How an object came to be; OSS sends it as ``x-oss-object-type``."""

    NORMAL = "Normal"
    MULTIPART = "Multipart"
    APPENDABLE = "Appendable"
    SYMLINK = "Symlink"


@dataclass(frozen=True)
class StoredObject:
    """An object's facts, without its bytes.

    Attributes:
        bucket: its bucket.
        key: its key.
        blob: name of the file with its bytes.
        size: bytes; the file may be longer after an interrupted append.
        etag: without quotes; upper-case MD5, with ``-<parts>`` behind it for multipart objects.
        crc64: CRC-64 of the bytes.
        kind: how it came to be.
        modified: seconds since the epoch; OSS knows no fractions.
        headers: what is kept about it, by lower-case header name: what the uploader said, its own ACL, its tags.
    """

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    crc64: int
    kind: ObjectKind
    modified: int
    headers: Mapping[str, str]

    @classmethod
    def from_row(cls, row: _ObjectRow) -> StoredObject:
        """Read a row of ``OBJECT_COLUMNS``."""
        bucket, key, blob, size, etag, crc64, kind, modified, headers = row
        return cls(bucket, key.decode(), blob, size, etag, int(crc64), ObjectKind(kind), modified, json.loads(headers))

    def to_row(self) -> _ObjectRow:
        """Return the row of ``OBJECT_COLUMNS``."""
        headers = json.dumps(dict(self.headers))
        return (
            self.bucket,
            self.key.encode(),
            self.blob,
            self.size,
            self.etag,
            str(self.crc64),
            str(self.kind),
            self.modified,
            headers,
        )


class Index(Database):
    """The index of one object store.

    Args:
        path: its file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    def has_buckets(self) -> bool:
        """Return whether there is a bucket."""
        with self.reading() as db:
            return db.execute("SELECT 1 FROM buckets LIMIT 1").fetchone() is not None

    def blob_names(self) -> set[str]:
        """Return the names of all files of blobs in use."""
        with self.reading() as db:
            rows = db.execute("SELECT blob FROM objects UNION ALL SELECT blob FROM parts")
            return {name for (blob,) in rows for name in file_names(blob)}


def require_bucket(db: sqlite3.Connection, bucket: str) -> int:
    """Return when a bucket was created.

    Raises:
        OSSErrorResponse: NoSuchBucket.
    """
    row = db.execute("SELECT created FROM buckets WHERE name = ?", (bucket,)).fetchone()
    if row is None:
        raise no_such_bucket(bucket)
    return int(row[0])


def find_object(db: sqlite3.Connection, bucket: str, key: str) -> StoredObject | None:
    """Return an object's facts, or None.

    Raises:
        OSSErrorResponse: NoSuchBucket.
    """
    require_bucket(db, bucket)
    query = f"SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?"  # noqa: S608 - constant columns
    row = db.execute(query, (bucket, key.encode())).fetchone()
    return None if row is None else StoredObject.from_row(row)


def require_object(db: sqlite3.Connection, bucket: str, key: str) -> StoredObject:
    """Return an object's facts.

    Raises:
        OSSErrorResponse: NoSuchBucket, NoSuchKey.
    """
    found = find_object(db, bucket, key)
    if found is None:
        raise no_such_key(key)
    return found


def record_object(db: sqlite3.Connection, stored: StoredObject, *, forbid_overwrite: bool) -> StoredObject | None:
    """Make an object the current one of its key and return the one it replaces.

    Raises:
        OSSErrorResponse: NoSuchBucket; FileAlreadyExists when overwriting is forbidden.
    """
    replaced = find_object(db, stored.bucket, stored.key)
    if replaced is not None and forbid_overwrite:
        raise file_already_exists()
    marks = ", ".join("?" * 9)
    db.execute(f"INSERT OR REPLACE INTO objects ({OBJECT_COLUMNS}) VALUES ({marks})", stored.to_row())  # noqa: S608
    return replaced
