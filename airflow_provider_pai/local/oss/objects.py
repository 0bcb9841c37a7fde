"""The object store: what local OSS serves and where the job runner reads inputs and leaves outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from airflow_provider_pai.local.disk_reserve import DiskReserve
from airflow_provider_pai.local.home import HomeDamaged
from airflow_provider_pai.local.oss import appending
from airflow_provider_pai.local.oss.attributes import Attributes
from airflow_provider_pai.local.oss.blobs import Blob, Blobs, BlobWriter
from airflow_provider_pai.local.oss.buckets import Bucket, BucketConfiguration, Buckets, BucketStat
from airflow_provider_pai.local.oss.completeness import INDEX, check_complete
from airflow_provider_pai.local.oss.index import (
    Index,
    ObjectKind,
    StoredObject,
    find_object,
    record_object,
    require_object,
)
from airflow_provider_pai.local.oss.links import resolve_object, target_of
from airflow_provider_pai.local.oss.listing import ListingPage, list_page
from airflow_provider_pai.local.oss.multipart import MultipartUploads
from airflow_provider_pai.local.oss.names import check_key
from airflow_provider_pai.local.oss.removal import Removal
from airflow_provider_pai.local.oss.storage_class import RestoreRequest, check_readable, restore


class ObjectStore:
    """Buckets and objects in a folder. Any thread may call it; every call is complete or did not happen.

    Bytes go to a file of their own under a temporary name; only when they are all there does the index name them. So
    ``kill -9`` leaves no half-written object, and the next start removes what was left over. One
    store at a time may have the folder: which one, :class:`airflow_provider_pai.local.home.Home` decides.

    Args:
        home: folder of the store; made when missing.
        clock: seconds since the epoch, for times of modification.

    Raises:
        HomeDamaged: there are bytes without an index, or the index names bytes that are not there.
        sqlite3.Error: the index can't be read.
    """

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._index = Index(home / INDEX)
        self._blobs = Blobs(home)
        self._buckets = Buckets(self._index, clock)
        try:
            check_complete(home, self._index, self._blobs)
        except HomeDamaged:
            self.close()
            raise
        self._blobs.sweep(self._index.blob_names())
        self._removal = Removal(self._index, self._blobs, DiskReserve(home / "reserve"))
        self.uploads = MultipartUploads(self._index, self._blobs, clock)
        self.attributes = Attributes(self._index, self._blobs)

    def close(self) -> None:
        """Close the database."""
        self._index.close()

    def __enter__(self) -> ObjectStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create_bucket(self, name: str, asked: BucketConfiguration | None = None) -> None:
        """Create a bucket; one that is there already stays as it is, as for its owner in OSS.

        Args:
            name: its name.
            asked: what it is made with.

        Raises:
            OSSErrorResponse: InvalidBucketName; BucketAlreadyExists: it was made with other settings.
        """
        self._buckets.create(name, asked or BucketConfiguration())

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            OSSErrorResponse: NoSuchBucket; BucketNotEmpty: it holds an object or an unfinished upload.
        """
        self._buckets.delete(name)

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        return self._buckets.get(name)

    def buckets(self) -> list[Bucket]:
        """Return all buckets by name."""
        return self._buckets.all()

    def bucket_stat(self, name: str) -> BucketStat:
        """Return what a bucket holds.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        return self._buckets.stat(name)

    def stage(self) -> BlobWriter:
        """Begin to take bytes that come piece by piece; hand the finished blob to :meth:`put_blob` and the like."""
        return self._blobs.writer()

    def discard(self, blob: Blob) -> None:
        """Throw away a finished blob that no object will use."""
        self._blobs.remove(blob.name)

    def put(
        self,
        bucket: str,
        key: str,
        source: BinaryIO | Path,
        headers: Mapping[str, str] | None = None,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Store an object.

        Args:
            bucket: its bucket.
            key: its key.
            source: a stream, read to its end, or a file.
            headers: what to keep about it, by lower-case header name: ``content-type``, ``x-oss-meta-*`` and so on.
            forbid_overwrite: refuse when the key is taken.

        Raises:
            OSSErrorResponse: NoSuchBucket, InvalidObjectName, FileAlreadyExists.
            OSError: the file can't be read.
        """
        if isinstance(source, Path):
            with source.open("rb") as opened:
                return self.put(bucket, key, opened, headers, forbid_overwrite=forbid_overwrite)
        with self.stage() as writer:
            writer.fill(source)
            return self.put_blob(bucket, key, writer.finish(), headers, forbid_overwrite=forbid_overwrite)

    def put_blob(
        self,
        bucket: str,
        key: str,
        blob: Blob,
        headers: Mapping[str, str] | None = None,
        *,
        kind: ObjectKind = ObjectKind.NORMAL,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Store an object from staged bytes; a refused blob is removed. See :meth:`put`."""
        try:
            stored = StoredObject(
                bucket=bucket,
                key=check_key(key),
                blob=blob.name,
                size=blob.size,
                etag=blob.md5,
                crc64=blob.crc64,
                kind=kind,
                modified=self._now(),
                headers=dict(headers or {}),
            )
            with self._index.changing() as db:
                replaced = record_object(db, stored, forbid_overwrite=forbid_overwrite)
        except BaseException:
            self.discard(blob)
            raise
        if replaced is not None:
            self._blobs.remove(replaced.blob)
        return stored

    def put_link(
        self,
        bucket: str,
        key: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Store a symbolic link to another key of the bucket, whether that exists or not. See :meth:`put`."""
        with self.stage() as writer:
            writer.write(check_key(target).encode())
            kind = ObjectKind.SYMLINK
            return self.put_blob(bucket, key, writer.finish(), headers, kind=kind, forbid_overwrite=forbid_overwrite)

    def link(self, bucket: str, key: str) -> tuple[StoredObject, str]:
        """Return a link's own facts and the key it leads to.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey, NotSymlink.
        """
        with self._index.reading() as db:
            stored = require_object(db, bucket, key)
            return stored, target_of(self._blobs, stored)

    def resolve(self, bucket: str, key: str) -> StoredObject:
        """Return an object's facts as its reader sees them: through a link.

        Raises:
            OSSErrorResponse: see :func:`airflow_provider_pai.local.oss.links.resolve_object`.
        """
        with self._index.reading() as db:
            return resolve_object(db, self._blobs, bucket, key)

    def head(self, bucket: str, key: str) -> StoredObject:
        """Return an object's own facts, of a link the link's.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey.
        """
        with self._index.reading() as db:
            return require_object(db, bucket, key)

    def exists(self, bucket: str, key: str) -> bool:
        """Tell whether a key is taken.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        with self._index.reading() as db:
            return find_object(db, bucket, key) is not None

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO]:
        """Open an object: what :meth:`resolve` tells and its bytes, of which only the first ``size`` count.

        What was opened stays readable and unchanged when the object is replaced or deleted.

        Raises:
            OSSErrorResponse: see :meth:`resolve`; InvalidObjectState: it is archived.
        """
        with self._index.reading() as db:
            stored = resolve_object(db, self._blobs, bucket, key)
            check_readable(stored, self._clock())
            return stored, self._blobs.open(stored.blob)

    def read(self, bucket: str, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return an object's bytes from ``start`` up to but not including ``end`` (default: its size).

        Raises:
            OSSErrorResponse: see :meth:`resolve`.
        """
        stored, opened = self.open(bucket, key)
        with opened:
            opened.seek(start)
            return opened.read(max(0, min(stored.size, stored.size if end is None else end) - start))

    def restore(self, bucket: str, key: str, asked: RestoreRequest) -> tuple[StoredObject, bool]:
        """Let an archived object be read, and return it and whether it could be read before.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey; see :func:`airflow_provider_pai.local.oss.storage_class.restore`.
        """
        with self._index.changing() as db:
            restored, was_readable = restore(require_object(db, bucket, key), asked, self._clock())
            record_object(db, restored, forbid_overwrite=False)
        return restored, was_readable

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; an absent one is no error.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        self.delete_many(bucket, [key])

    def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects, all at once; absent ones are no error.

        Raises:
            OSSErrorResponse: NoSuchBucket.
        """
        self._removal.delete(bucket, keys)

    def copy(
        self,
        source_bucket: str,
        source_key: str,
        bucket: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Copy an object, of a link the link.

        Args:
            source_bucket: bucket of the original.
            source_key: key of the original.
            bucket: bucket of the copy.
            key: key of the copy.
            headers: what to keep about the copy; None keeps the source's.
            forbid_overwrite: refuse when the key is taken.

        Raises:
            OSSErrorResponse: NoSuchBucket, NoSuchKey, InvalidObjectName, FileAlreadyExists, InvalidObjectState.
        """
        with self._index.reading() as db:
            source = require_object(db, source_bucket, source_key)
            check_readable(source, self._clock())
            opened = self._blobs.open(source.blob)
        kept = source.headers if headers is None else headers
        kind = ObjectKind.SYMLINK if source.kind is ObjectKind.SYMLINK else ObjectKind.NORMAL
        with opened, self.stage() as writer:
            writer.fill(opened, source.size)
            blob = writer.finish()
        return self.put_blob(bucket, key, blob, kept, kind=kind, forbid_overwrite=forbid_overwrite)

    def append_blob(
        self, bucket: str, key: str, position: int, blob: Blob, headers: Mapping[str, str] | None = None
    ) -> StoredObject:
        """Append staged bytes to an object, or create it at position 0; the blob is used up or removed.

        Raises:
            OSSErrorResponse: NoSuchBucket, InvalidObjectName; PositionNotEqualToLength, ObjectNotAppendable.
        """
        used = ""
        try:
            with self._index.changing() as db:
                place = (bucket, key, position)
                stored = appending.append(db, self._blobs, blob, place, headers or {}, self._now())
            used = stored.blob
        finally:
            if used != blob.name:
                self.discard(blob)
        return stored

    def append(
        self, bucket: str, key: str, position: int, source: BinaryIO, headers: Mapping[str, str] | None = None
    ) -> StoredObject:
        """Append a stream's bytes to an object. See :meth:`append_blob`."""
        with self.stage() as writer:
            writer.fill(source)
            return self.append_blob(bucket, key, position, writer.finish(), headers)

    def list_objects(
        self, bucket: str, prefix: str = "", delimiter: str = "", marker: str = "", max_keys: int = 1000
    ) -> ListingPage:
        """List keys in pages; see :func:`airflow_provider_pai.local.oss.listing.list_page`."""
        return list_page(self._index, bucket, prefix, delimiter, marker, max_keys)

    def _now(self) -> int:
        return int(self._clock())
