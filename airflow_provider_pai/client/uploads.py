"""One object is written: whole, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Protocol, TypeVar

import oss2

from airflow_provider_pai.errors import ConflictError, NotFoundError, PAIError
from airflow_provider_pai.model.uri import OssUri

PART_SIZE = 8 * 1024 * 1024
"""Bytes of an object that are in memory at a time; a larger object is sent in parts."""
_FORBID_OVERWRITE = {"x-oss-forbid-overwrite": "true"}
_TAKEN = "FileAlreadyExists"

T = TypeVar("T")


class Ask(Protocol):
    """Sends a request to OSS, and repeats it when the failure is a passing one."""

    def __call__(self, verb: str, uri: OssUri, request: Callable[[Any], T]) -> T:
        """Call ``request`` with a bucket until OSS answers; each try is signed anew."""
        ...


@dataclass(frozen=True)
class Upload:
    """Writes one object from a stream, in parts when it is large; what is in memory is one part.

    The object appears when all of its bytes have arrived, and are those that were meant.

    Attributes:
        ask: sends the requests.
        uri: the object.
        sent: told how many bytes more have arrived; None for nobody.
        part_size: bytes of a part, at least 100 KiB; more when the object would have more than 10,000 parts.
        keep: leave an object that is there as it is: for a name that tells the content, it is as good.
    """

    ask: Ask
    uri: OssUri
    sent: Callable[[int], None] | None = None
    part_size: int = PART_SIZE
    keep: bool = False

    def write(self, stream: IO[bytes], size: int, digest: str | None = None) -> None:
        """Write the object.

        Args:
            stream: its bytes.
            size: how many there are.
            digest: SHA-256 they must have, hexadecimal; None for any.

        Raises:
            PAIError: the stream holds other bytes; nothing was written.
            TransportError, APIError: OSS can't be reached, or refused.
        """
        parts = self._read(stream, size, digest)
        try:
            if size <= self.part_size:
                self._put(b"".join(parts))
            else:
                self._put_parts(parts, size)
        except ConflictError as error:
            if not self.keep or error.code != _TAKEN:
                raise

    def _read(self, stream: IO[bytes], size: int, digest: str | None) -> Iterator[bytes]:
        """Yield the parts; the end comes only when all that was read is what was meant."""
        hashed = hashlib.sha256()
        left = size
        part_size = oss2.determine_part_size(size, self.part_size)
        while left:
            part = stream.read(min(part_size, left))
            if not part:
                break
            hashed.update(part)
            left -= len(part)
            yield part
        if left or digest not in (None, hashed.hexdigest()):
            raise PAIError(f"a file changed while it was uploaded to {self.uri}; try again when nothing writes to it")

    def _put(self, content: bytes) -> None:
        headers = _checked(content) | (_FORBID_OVERWRITE if self.keep else {})
        self.ask("write", self.uri, lambda bucket: bucket.put_object(self.uri.key, content, headers=headers))
        self._tell(len(content))

    def _put_parts(self, contents: Iterator[bytes], size: int) -> None:
        upload_id = self.ask("write", self.uri, lambda bucket: bucket.init_multipart_upload(self.uri.key)).upload_id
        try:
            parts = [self._put_part(upload_id, number, content) for number, content in enumerate(contents, start=1)]
            self._complete(upload_id, parts, size)
        except BaseException:
            # Parts that nobody puts together would be stored, and paid for, until somebody finds them.
            with suppress(PAIError):
                self.ask("give up", self.uri, lambda bucket: bucket.abort_multipart_upload(self.uri.key, upload_id))
            raise

    def _put_part(self, upload_id: str, number: int, content: bytes) -> Any:
        key, headers = self.uri.key, _checked(content)
        answer = self.ask(
            "write", self.uri, lambda bucket: bucket.upload_part(key, upload_id, number, content, headers=headers)
        )
        self._tell(len(content))
        return oss2.models.PartInfo(number, answer.etag, size=len(content), part_crc=answer.crc)

    def _tell(self, count: int) -> None:
        if self.sent is not None:
            self.sent(count)

    def _complete(self, upload_id: str, parts: list[Any], size: int) -> None:
        key, headers = self.uri.key, _FORBID_OVERWRITE if self.keep else None

        def complete(bucket: Any) -> None:
            # The library leaves the answer's body unread, and with it the connection in use.
            bucket.complete_multipart_upload(key, upload_id, parts, headers).resp.read()

        try:
            self.ask("write", self.uri, complete)
        except NotFoundError:
            # The answer to an earlier try was lost: the upload is over, and the object is there.
            found = self.ask("look up", self.uri, lambda bucket: bucket.head_object(key))
            if (found.content_length, found.server_crc) != (size, oss2.utils.calc_obj_crc_from_parts(parts)):
                raise


def _checked(content: bytes) -> dict[str, str]:
    """Let OSS refuse the bytes if others arrive, before there is an object of them."""
    return {"Content-MD5": oss2.utils.content_md5(content)}
