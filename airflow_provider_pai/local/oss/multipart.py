"""Multipart uploads: parts arrive in any order and become one object, or none."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from airflow_provider_pai.local.oss import crc64
from airflow_provider_pai.local.oss.blobs import Blob, Blobs, file_names
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument, malformed_xml, no_such_upload
from airflow_provider_pai.local.oss.index import (
    WHOLE_MD5,
    Index,
    ObjectKind,
    StoredObject,
    record_object,
    require_bucket,
)
from airflow_provider_pai.local.oss.names import check_key

_SEQUENTIAL = "sequential"
MIN_PART_SIZE = 100 * 1024
MAX_PARTS = 10_000


@dataclass(frozen=True)
class MultipartUpload:
    """A multipart upload under way.

    Attributes:
        upload_id: its id.
        bucket: bucket of the object to be.
        key: key of the object to be.
        initiated: seconds since the epoch.
        headers: what to keep about the object.
    """

    upload_id: str
    bucket: str
    key: str
    initiated: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A part that has arrived.

    Attributes:
        number: 1 to 10,000.
        blob: name of the file with its bytes.
        size: bytes.
        etag: upper-case MD5, without quotes.
        crc64: CRC-64 of its bytes.
        modified: seconds since the epoch.
    """

    number: int
    blob: str
    size: int
    etag: str
    crc64: int
    modified: int


class MultipartUploads:
    """The multipart uploads of a store."""

    def __init__(self, index: Index, blobs: Blobs, clock: Callable[[], float]) -> None:
        self._index = index
        self._blobs = blobs
        self._clock = clock

    def start(
        self, bucket: str, key: str, headers: Mapping[str, str] | None = None, *, sequential: bool = False
    ) -> MultipartUpload:
        """Begin an upload; of a sequential one the MD5 of the whole object is given.

        Raises:
            OSSErrorResponse: NoSuchBucket, InvalidObjectName.
        """
        check_key(key)
        kept = {**(headers or {}), **({_SEQUENTIAL: "yes"} if sequential else {})}
        upload = MultipartUpload(secrets.token_hex(16).upper(), bucket, key, int(self._clock()), kept)
        with self._index.changing() as db:
            require_bucket(db, bucket)
            row = (upload.upload_id, bucket, key.encode(), upload.initiated, json.dumps(upload.headers))
            db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", row)
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> MultipartUpload:
        """Return an upload under way.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchUpload.
        """
        with self._index.reading() as db:
            return _require_upload(db, bucket, key, upload_id)

    def put_part(self, bucket: str, key: str, upload_id: str, number: int, blob: Blob) -> Part:
        """Take a part, over an earlier one of its number; a refused blob is removed.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchUpload; InvalidArgument: the number is out of range.
        """
        part = Part(number, blob.name, blob.size, blob.md5, blob.crc64, int(self._clock()))
        try:
            with self._index.changing() as db:
                upload = _require_upload(db, bucket, key, upload_id)
                _check_number(number)
                arrived = _parts(db, upload_id)
                _check_order(upload, arrived, number)
                old = arrived.get(number)
                row = (upload_id, number, part.blob, part.size, part.etag, str(part.crc64), part.modified)
                db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            self._blobs.remove(blob.name)
            raise
        if old is not None:
            self._blobs.remove(old.blob)
        return part

    def parts(self, bucket: str, key: str, upload_id: str) -> list[Part]:
        """Return the parts that have arrived, by number.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchUpload.
        """
        with self._index.reading() as db:
            _require_upload(db, bucket, key, upload_id)
            return list(_parts(db, upload_id).values())

    def pending(self, bucket: str, prefix: str = "") -> list[MultipartUpload]:
        """Return the uploads under way, by key (order of UTF-8 bytes) and id.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        query = "SELECT id, bucket, key, initiated, headers FROM uploads WHERE bucket = ? ORDER BY key, id"
        with self._index.reading() as db:
            require_bucket(db, bucket)
            uploads = [_upload(row) for row in db.execute(query, (bucket,))]
        return [upload for upload in uploads if upload.key.startswith(prefix)]

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Forget an upload and its parts.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchUpload.
        """
        with self._index.changing() as db:
            _require_upload(db, bucket, key, upload_id)
            parts = _delete_upload(db, upload_id)
        for part in parts:
            self._blobs.remove(part.blob)

    def complete(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        chosen: Sequence[tuple[int, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Make an object of the parts.

        Args:
            bucket: bucket of the upload.
            key: key of the upload.
            upload_id: its id.
            chosen: numbers and ETags of the parts to use, ascending; None uses all that have arrived.
            headers: what to keep about the object beside what was said when the upload began.
            forbid_overwrite: refuse when the key is taken.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchUpload; InvalidPartOrder, InvalidPart, EntityTooSmall, MalformedXML;
                FileAlreadyExists. The upload stays as it was.
        """
        with self._index.reading() as db:
            upload = _require_upload(db, bucket, key, upload_id)
            arrived = _parts(db, upload_id)
        parts = _select_parts(arrived, chosen)
        try:
            blob = self._blobs.join([part.blob for part in parts], sum(part.size for part in parts))
        except FileNotFoundError as error:
            raise no_such_upload(upload_id) from error
        used = set(file_names(blob))
        try:
            kept = {**upload.headers, **(headers or {})}
            if kept.pop(_SEQUENTIAL, None):
                kept[WHOLE_MD5] = self._blobs.md5(blob)
            stored = self._join(replace(upload, headers=kept), parts, blob)
            with self._index.changing() as db:
                _require_upload(db, bucket, key, upload_id)
                _require_same(parts, _parts(db, upload_id))
                replaced = record_object(db, stored, forbid_overwrite=forbid_overwrite)
                done = _delete_upload(db, upload_id)
        except BaseException:
            if not used & {part.blob for part in parts}:
                self._blobs.remove(blob)
            raise
        for name in [part.blob for part in done] + ([replaced.blob] if replaced else []):
            if name not in used:
                self._blobs.remove(name)
        return stored

    def _join(self, upload: MultipartUpload, parts: Sequence[Part], blob: str) -> StoredObject:
        checksum = 0
        for part in parts:
            checksum = crc64.combine(checksum, part.crc64, part.size)
        # [inferred] OSS documents only that the ETag of a multipart object is not its MD5; "-<parts>" is what it shows.
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"
        size = sum(part.size for part in parts)
        now = int(self._clock())
        return StoredObject(
            upload.bucket, upload.key, blob, size, etag, checksum, ObjectKind.MULTIPART, now, upload.headers
        )


def _select_parts(arrived: Mapping[int, Part], chosen: Sequence[tuple[int, str]] | None) -> list[Part]:
    """Return the parts a completion names, after OSS's checks."""
    named = [(part.number, part.etag) for part in arrived.values()] if chosen is None else list(chosen)
    if not named:
        raise malformed_xml()
    numbers = [number for number, _ in named]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise OSSErrorResponse(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    for number, etag in named:
        if number not in arrived or arrived[number].etag != etag.strip('"').upper():
            raise _invalid_part(number)
    parts = [arrived[number] for number in numbers]
    for part in parts[:-1]:
        if part.size < MIN_PART_SIZE:
            raise _too_small(part)
    return parts


def _require_same(chosen: Sequence[Part], arrived: Mapping[int, Part]) -> None:
    """Refuse parts of which one was sent anew meanwhile: its bytes are gone."""
    for part in chosen:
        if arrived.get(part.number) != part:
            raise _invalid_part(part.number)


def _check_number(number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        message = f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
        raise invalid_argument(message, "partNumber", str(number))


def _check_order(upload: MultipartUpload, arrived: Mapping[int, Part], number: int) -> None:
    """Refuse a part of a sequential upload that does not follow the last one."""
    if _SEQUENTIAL in upload.headers and number not in arrived and number != len(arrived) + 1:
        message = "The parts of a sequential upload must arrive in the order of their numbers."
        raise OSSErrorResponse(400, "PartNotSequential", message, details={"PartNumber": str(number)})


def _invalid_part(number: int) -> OSSErrorResponse:
    message = "One or more of the specified parts could not be found, or its ETag did not match."
    return OSSErrorResponse(400, "InvalidPart", message, details={"PartNumber": str(number)})


def _too_small(part: Part) -> OSSErrorResponse:
    message = "Your proposed upload smaller than the minimum allowed size."
    details = {
        "ETag": part.etag,
        "MinSizeAllowed": str(MIN_PART_SIZE),
        "PartNumber": str(part.number),
        "ProposedSize": str(part.size),
    }
    return OSSErrorResponse(400, "EntityTooSmall", message, details=details)


def _require_upload(db: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> MultipartUpload:
    require_bucket(db, bucket)
    query = "SELECT id, bucket, key, initiated, headers FROM uploads WHERE id = ? AND bucket = ? AND key = ?"
    row = db.execute(query, (upload_id, bucket, key.encode())).fetchone()
    if row is None:
        raise no_such_upload(upload_id)
    return _upload(row)


def _upload(row: tuple[str, str, bytes, int, str]) -> MultipartUpload:
    upload_id, bucket, key, initiated, headers = row
    return MultipartUpload(upload_id, bucket, key.decode(), initiated, json.loads(headers))


def _parts(db: sqlite3.Connection, upload_id: str) -> dict[int, Part]:
    query = "SELECT number, blob, size, etag, crc64, modified FROM parts WHERE upload = ? ORDER BY number"
    rows = db.execute(query, (upload_id,))
    return {row[0]: Part(row[0], row[1], row[2], row[3], int(row[4]), row[5]) for row in rows}


def _delete_upload(db: sqlite3.Connection, upload_id: str) -> list[Part]:
    parts = list(_parts(db, upload_id).values())
    db.execute("DELETE FROM parts WHERE upload = ?", (upload_id,))
    db.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
    return parts
