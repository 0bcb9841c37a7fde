"""A request as the routes see it: what it addresses, its body, and the store it acts on."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from airflow_provider_pai.local.oss.acl import OBJECT_ACL_HEADER, object_acl
from airflow_provider_pai.local.oss.blobs import CHUNK, Blob
from airflow_provider_pai.local.oss.errors import (
    OSSErrorResponse,
    file_already_exists,
    invalid_argument,
    invalid_digest,
)
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.responses import is_shown
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.oss.storage_class import STORAGE_CLASS_HEADER, StorageClass, read_storage_class
from airflow_provider_pai.local.oss.tagging import TAGGING_HEADER, encode_tags, read_tagging_header
from airflow_provider_pai.local.oss.traffic import traffic_limit
from airflow_provider_pai.local.oss.user_metadata import check_user_metadata
from airflow_provider_pai.local.parsing import read_number

_MAX_OBJECT_SIZE = 5 << 30
_MAX_DOCUMENT_SIZE = 2 << 20
_DRAIN_IDLE = 5.0
"""Seconds without a byte after which no more of a refused body is waited for."""


class RequestBody:
    """The bytes that come with a request, read at most once."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._finished = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes that have not been read yet.

        Raises:
            ClientDisconnect: the client went away before it had sent all of them.
        """
        while not self._finished:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._finished = not message.get("more_body", False)
            yield message.get("body", b"")

    @property
    def is_finished(self) -> bool:
        """Return whether all of them have been read."""
        return self._finished

    async def drain(self) -> None:
        """Read and drop the rest: a client that is still sending would not see an early answer.

        One that sends nothing for a while has promised more than it has, and is answered.
        """
        pieces = self.pieces()
        try:
            while True:
                async with asyncio.timeout(_DRAIN_IDLE):
                    await anext(pieces)
        except (StopAsyncIteration, TimeoutError):
            return


@dataclass(frozen=True)
class RequestContext:
    """One request with a good signature.

    Attributes:
        request: what it addresses and says.
        body: its bytes.
        store: the store it acts on.
        region_id: region of the service.
        host: the service's host, as the client sees it, without a bucket.
        clock: seconds since the epoch.
    """

    request: OSSRequest
    body: RequestBody
    store: ObjectStore
    region_id: str
    host: str
    clock: Callable[[], float]

    @property
    def bucket(self) -> str:
        """Return the addressed bucket."""
        return self.request.bucket

    @property
    def key(self) -> str:
        """Return the addressed object."""
        return self.request.key

    def parameter(self, name: str) -> str:
        """Return a query parameter, empty when it is absent."""
        return self.request.query.get(name, "")

    def limit(self, name: str, default: int) -> int:
        """Return a page size, from 1 to 1,000.

        Raises:
            OSSErrorResponse: InvalidArgument.
        """
        return self.number(name, default, 1, 1000)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Return a parameter that is a number.

        Args:
            name: the parameter.
            default: the number when it is absent or empty.
            least: the smallest that is allowed.
            most: the largest that is allowed.

        Raises:
            OSSErrorResponse: InvalidArgument.
        """
        text = self.parameter(name)
        number = read_number(text) if text else default
        if number is None or not least <= number <= most:
            raise invalid_argument(f"The {name} must be an integer from {least} to {most}", name, text)
        return number

    def forbids_overwrite(self) -> bool:
        """Tell whether ``x-oss-forbid-overwrite`` is set."""
        return self.request.headers.get("x-oss-forbid-overwrite") == "true"

    def check_target(self) -> None:
        """Refuse early what would be refused after all bytes were sent.

        Raises:
            OSSErrorResponse: NoSuchBucket; FileAlreadyExists: overwriting is forbidden, and the key is taken.
        """
        self.store.bucket(self.bucket)
        if self.forbids_overwrite() and self.store.exists(self.bucket, self.key):
            raise file_already_exists()

    def headers_to_store(self) -> dict[str, str]:
        """Return what is kept about an object: entity headers, user metadata, its ACL, tags and storage class.

        Raises:
            OSSErrorResponse: NoSuchBucket; InvalidArgument: no such ACL or class, or bad user metadata; InvalidTag.
        """
        return {**self.entity_headers(), **self.object_acl(), **self.tagging(), **self.storage_class()}

    def entity_headers(self) -> dict[str, str]:
        """Return the standard entity headers and user metadata.

        Raises:
            OSSErrorResponse: InvalidArgument: user metadata that can't be.
        """
        headers = self.request.headers
        check_user_metadata(headers)
        return {name: value for name, value in headers.items() if is_shown(name)}

    def object_acl(self) -> dict[str, str]:
        """Return the object's ACL under its header's name, if the request has one.

        Raises:
            OSSErrorResponse: InvalidArgument.
        """
        value = self.request.headers.get(OBJECT_ACL_HEADER)
        return {} if value is None else {OBJECT_ACL_HEADER: object_acl(value)}

    def tagging(self) -> dict[str, str]:
        """Return the object's tags under their header's name, if the request has any.

        Raises:
            OSSErrorResponse: InvalidTag.
        """
        text = self.request.headers.get(TAGGING_HEADER)
        return {TAGGING_HEADER: encode_tags(read_tagging_header(text))} if text else {}

    def storage_class(self) -> dict[str, str]:
        """Return the object's storage class under its header's name, when it is not Standard: its own or its bucket's.

        Raises:
            OSSErrorResponse: NoSuchBucket; InvalidArgument.
        """
        text = self.request.headers.get(STORAGE_CLASS_HEADER)
        usual = self.store.bucket(self.bucket).settings.storage_class
        kept = usual if text is None else read_storage_class(text)
        return {STORAGE_CLASS_HEADER: kept} if kept and kept is not StorageClass.STANDARD else {}

    async def stage(self) -> Blob:
        """Take the body as a finished blob, with constant memory.

        Raises:
            OSSErrorResponse: MissingContentLength, EntityTooLarge; InvalidDigest: it is not what Content-MD5 says.
            ClientDisconnect: it did not come to its end.
        """
        self._check_length()
        expected, limit = self._content_md5(), traffic_limit(self.request)
        with await run_in_threadpool(self.store.stage) as writer:
            pieces, size = list[bytes](), 0
            async for piece in self.body.pieces():
                pieces.append(piece)
                size += len(piece)
                if limit is not None:
                    await limit.wait(len(piece))
                if size >= CHUNK:
                    await run_in_threadpool(writer.write_all, pieces)
                    pieces, size = [], 0
            await run_in_threadpool(writer.write_all, pieces)
            blob = await run_in_threadpool(writer.finish)
        if expected is not None and bytes.fromhex(blob.md5) != expected:
            await run_in_threadpool(self.store.discard, blob)
            raise invalid_digest()
        return blob

    async def read_document(self) -> bytes:
        """Return the body as the bytes of a request document.

        Raises:
            OSSErrorResponse: EntityTooLarge; InvalidDigest: it is not what Content-MD5 says.
        """
        expected = self._content_md5()
        content = bytearray()
        async for piece in self.body.pieces():
            content += piece
            if len(content) > _MAX_DOCUMENT_SIZE:
                raise _too_large()
        if expected is not None and _md5(bytes(content)) != expected:
            raise invalid_digest()
        return bytes(content)

    def _check_length(self) -> None:
        headers = self.request.headers
        if "content-length" not in headers and "transfer-encoding" not in headers:
            raise OSSErrorResponse(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        length = read_number(headers.get("content-length", "0"))
        if length is None or length > _MAX_OBJECT_SIZE:
            raise _too_large()

    def _content_md5(self) -> bytes | None:
        text = self.request.headers.get("content-md5")
        if text is None:
            return None
        try:
            digest = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise invalid_digest() from error
        if len(digest) != 16:
            raise invalid_digest()
        return digest


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _too_large() -> OSSErrorResponse:
    return OSSErrorResponse(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
