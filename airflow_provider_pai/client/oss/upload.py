"""One object is written: whole, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Protocol, TypeVar

import oss2

from airflow_provider_pai.api.crc64 import combine
from airflow_provider_pai.client.oss.body import Body, FileRange, SummedBody, checksum, content_md5
from airflow_provider_pai.client.oss.worker_pool import WorkerPool
from airflow_provider_pai.errors import ConflictError, NotFoundError, PAIError, TransportError
from airflow_provider_pai.model.uri import OssUri

PART_SIZE = 8 * 1024 * 1024
"""Bytes of an object that are in memory at a time; a larger object is sent in parts."""
FILE_PART_SIZE = 32 * 1024 * 1024
"""The same for what is read from a file while it is sent, so that the parts are few."""
_THREADS = 8
"""Parts that are sent at a time: a file of 256 MB goes to a distant service in one go, and each takes little memory."""
_FORBID_OVERWRITE = {"x-oss-forbid-overwrite": "true"}
_TAKEN = "FileAlreadyExists"

T = TypeVar("T")


class MismatchError(TransportError):
    """An object became other bytes than were meant; it is deleted."""


class Ask(Protocol):
    """Sends a request to OSS, and repeats it when the failure is a passing one."""

    def __call__(self, verb: str, uri: OssUri, request: Callable[[Any], T]) -> T:
        """Call ``request`` with a bucket until OSS answers; each try is signed anew."""
        ...


@dataclass(frozen=True)
class ObjectUpload:
    """Writes one object, in parts when it is large.

    The object appears when all of its bytes have arrived, and are those that were meant.

    Attributes:
        ask: sends the requests.
        uri: the object.
        sent: told how many bytes more have arrived, from several threads; None for no messages.
        part_size: bytes of a part, at least 100 KiB; more when the object would have more than 10,000 parts.
        keep: leave an object that is there as it is: for a name that tells the content, it is as good.
    """

    ask: Ask
    uri: OssUri
    sent: Callable[[int], None] | None = None
    part_size: int = PART_SIZE
    keep: bool = False

    def write(self, stream: IO[bytes], size: int, digest: str | None = None) -> str:
        """Write the object from a stream; what is in memory is one part.

        Args:
            stream: its bytes.
            size: how many there are.
            digest: SHA-256 they must have, hexadecimal; None for any.

        Returns:
            The ETag of what was written; empty when there was one to keep.

        Raises:
            PAIError: the stream holds other bytes; nothing was written.
            TransportError, APIError: OSS can't be reached, or refused.
        """
        parts = self._read(stream, size, digest)
        if size > self.part_size:
            return self.write_parts(lambda upload: [upload.put(*each) for each in enumerate(parts, start=1)], size)
        return self._kept(lambda: self._put(b"".join(parts)))

    def write_file(self, file: IO[bytes], size: int, crc: int | None = None) -> str:
        """Write the object from a file that nothing writes to any more, several parts at a time.

        Args:
            file: an open file with a descriptor.
            size: its bytes, at least one.
            crc: CRC-64 they must have; None for any.

        Returns:
            The ETag of what was written; empty when there was one to keep.

        Raises:
            PAIError: the file holds other bytes; nothing was written.
            TransportError, APIError: OSS can't be reached, or refused.
        """
        descriptor = file.fileno()
        with WorkerPool(_THREADS) as pool:
            if size > self.part_size:
                step = self._step(size)
                starts = range(0, size, step)
                ranges = [FileRange(descriptor, start, min(step, size - start), pool.check) for start in starts]
                return self.write_parts(lambda upload: self._unchanged(_put_together(upload, ranges, pool), crc), size)
            body = FileRange(descriptor, 0, size)
            if crc not in (None, checksum(body)):
                raise self._changed()
            return self._kept(lambda: self._put(body))

    def write_parts(self, put_all: Callable[[Parts], list[Any]], size: int) -> str:
        """Write the object in parts.

        Args:
            put_all: puts or copies them, and returns what the library wants to know of each, in order.
            size: bytes of all parts.

        Returns:
            The ETag of what was written; empty when there was one to keep.

        Raises:
            TransportError, APIError: OSS can't be reached, or refused.
        """
        return self._kept(lambda: self._put_parts(put_all, size))

    def _kept(self, write: Callable[[], str]) -> str:
        """Write, but bear with an object that is there already, when that is wanted."""
        try:
            return write()
        except ConflictError as error:
            if not self.keep or error.code != _TAKEN:
                raise
            return ""

    def _step(self, size: int) -> int:
        return int(oss2.determine_part_size(size, self.part_size))

    def _read(self, stream: IO[bytes], size: int, digest: str | None) -> Iterator[bytes]:
        """Yield the parts; the end comes only when all that was read is what was meant."""
        hashed = hashlib.sha256()
        left = size
        step = self._step(size)
        while left:
            part = stream.read(min(step, left))
            if not part:
                break
            hashed.update(part)
            left -= len(part)
            yield part
        if left or digest not in (None, hashed.hexdigest()):
            raise self._changed()

    def _unchanged(self, parts: list[Any], crc: int | None) -> list[Any]:
        if crc not in (None, crc_of(parts)):
            raise self._changed()
        return parts

    def _changed(self) -> PAIError:
        return PAIError(f"a file changed while it was uploaded to {self.uri}; try again when nothing writes to it")

    def _put(self, body: Body) -> str:
        headers = {"Content-MD5": content_md5(body), **(_FORBID_OVERWRITE if self.keep else {})}

        def put(bucket: Any) -> Any:
            return bucket.put_object(self.uri.key, body, headers=headers)

        answer = self.ask("write", self.uri, put)
        self.report_sent(len(body))
        return str(answer.etag)

    def begin(self) -> Parts:
        """Begin an upload in parts; the caller completes it or gives it up."""
        upload_id = self.ask("write", self.uri, lambda bucket: bucket.init_multipart_upload(self.uri.key)).upload_id
        return Parts(self, upload_id)

    def _put_parts(self, put_all: Callable[[Parts], list[Any]], size: int) -> str:
        parts = self.begin()
        try:
            done = put_all(parts)
            return parts.complete(done, size, crc_of(done))
        except BaseException:
            parts.give_up()
            raise

    def report_sent(self, count: int) -> None:
        """Say that so many bytes more have arrived."""
        if self.sent is not None:
            self.sent(count)


@dataclass(frozen=True)
class Parts:
    """The parts of one multipart upload."""

    upload: ObjectUpload
    upload_id: str

    def complete(self, done: list[Any], size: int, crc: int | None) -> str:
        """Put the parts together.

        Args:
            done: what putting or copying each part has returned, in order.
            size: bytes of all parts.
            crc: CRC-64 of all parts; None where that is not known.

        Returns:
            The ETag of the object.

        Raises:
            MismatchError: the object became other bytes; it is deleted.
            ConflictError: there is an object that is to be kept.
        """
        ask, uri, upload_id = self.upload.ask, self.upload.uri, self.upload_id
        headers = _FORBID_OVERWRITE if self.upload.keep else None

        def complete(bucket: Any) -> Any:
            return bucket.complete_multipart_upload(uri.key, upload_id, done, headers)

        try:
            answer = ask("write", uri, complete)
        except NotFoundError:
            # The answer to an earlier try was lost: the upload is over, and the object is there.
            found = ask("look up", uri, lambda bucket: bucket.head_object(uri.key))
            if (found.content_length, found.server_crc) != (size, crc):
                raise
            return str(found.etag)
        if None not in (answer.crc, crc) and answer.crc != crc:
            ask("delete", uri, lambda bucket: bucket.delete_object(uri.key))
            raise MismatchError(f"OSS put {uri} together otherwise than it was meant; it is deleted", sent=True)
        return str(answer.etag)

    def give_up(self) -> None:
        """Remove the parts: without an object of them they would be stored, and paid for, for good."""
        ask, uri = self.upload.ask, self.upload.uri
        with suppress(PAIError):
            ask("give up", uri, lambda bucket: bucket.abort_multipart_upload(uri.key, self.upload_id))

    def put(self, number: int, body: Body) -> Any:
        """Send one; a part that arrived otherwise is sent again, before there is an object of it."""
        uri, summed = self.upload.uri, SummedBody(body)

        def put(bucket: Any) -> Any:
            answer = bucket.upload_part(uri.key, self.upload_id, number, summed)
            oss2.utils.check_crc("upload part", summed.crc, answer.crc, answer.request_id)
            return answer

        answer = self.upload.ask("write", uri, put)
        self.upload.report_sent(len(body))
        return oss2.models.PartInfo(number, answer.etag, size=len(body), part_crc=summed.crc)

    def copy(self, number: int, source: OssUri, etag: str, start: int, size: int, crc: int | None) -> Any:
        """Copy one from another object, as long as that is the one that is meant.

        Args:
            number: of the part, from 1.
            source: the object.
            etag: the object's ETag.
            start: the first byte.
            size: how many bytes.
            crc: their CRC-64; None where that is not known.
        """
        uri, upload_id = self.upload.uri, self.upload_id
        bytes_of, condition = (start, start + size - 1), {"x-oss-copy-source-if-match": etag}

        def copy(bucket: Any) -> Any:
            return bucket.upload_part_copy(
                source.bucket, source.key, bytes_of, uri.key, upload_id, number, headers=dict(condition)
            )

        answer = self.upload.ask("copy to", uri, copy)
        self.upload.report_sent(size)
        return oss2.models.PartInfo(number, answer.etag, size=size, part_crc=crc)


def _put_together(parts: Parts, bodies: Sequence[Body], pool: WorkerPool) -> list[Any]:
    """Send several parts at a time; return them in the order of their numbers."""
    done: dict[int, Any] = {}

    def put(number: int, body: Body) -> None:
        done[number] = parts.put(number, body)

    pool.work(partial(put, number, body) for number, body in enumerate(bodies, start=1))
    return [done[number] for number in sorted(done)]


def crc_of(parts: Sequence[Any]) -> int:
    """Return the checksum of parts put together; the library takes fifty milliseconds for each of them."""
    total = 0
    for part in parts:
        total = combine(total, part.part_crc, part.size)
    return total


def put_small(bucket: Any, key: str, content: bytes) -> None:
    """Write an object that takes one request; OSS refuses it when other bytes arrive.

    Args:
        bucket: the bucket.
        key: the object's key.
        content: its bytes.
    """
    bucket.put_object(key, content, headers={"Content-MD5": content_md5(content)})
