"""The bytes of objects as answers: as they are, or compressed on the way."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from airflow_provider_pai.local.oss.blobs import CHUNK
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.responses import new_request_id
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.oss.traffic import PIECE, TrafficLimit

_SMALLEST_GZIPPED = 1024
# OSS help, "How do I compress objects that I download from OSS in the GZIP format".
_GZIPPED_TYPES = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/rss+xml",
        "application/x-javascript",
        "text/cache-manifest",
        "text/css",
        "text/html",
        "text/json",
        "text/plain",
        "text/xml",
    }
)
_NOT_OF_GZIPPED = frozenset({"accept-ranges", "content-length", "etag"})
# With a weight of zero a client says that it does not take it.
_GZIP = re.compile(r"gzip\s*(;\s*q=(?!0(\.0*)?$).*)?")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class ObjectBytes(StreamingResponse):
    """An answer with a file's bytes from one offset up to another; closes the file when it is over, however it ends."""

    def __init__(
        self,
        source: BinaryIO,
        start: int,
        end: int,
        status: int,
        headers: Mapping[str, str],
        limit: TrafficLimit | None = None,
    ) -> None:
        self._source = source
        sent = {**headers, "Content-Length": str(end - start), "x-oss-request-id": new_request_id()}
        super().__init__(_pieces(source, start, end - start, limit), status, sent)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        with self._source:
            await super().__call__(scope, receive, send)


class GzippedObject(StreamingResponse):
    """An answer with a file's bytes, compressed; its length is not known before its end."""

    def __init__(self, source: BinaryIO, size: int, headers: Mapping[str, str], limit: TrafficLimit | None) -> None:
        self._source = source
        sent = {**headers, "x-oss-request-id": new_request_id()}
        super().__init__(_compressed(_pieces(source, 0, size, limit)), 200, sent)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        with self._source:
            await super().__call__(scope, receive, send)


def is_gzipped(request: OSSRequest, stored: StoredObject) -> bool:
    """Tell whether an object is sent compressed: asked for, a text of a kilobyte or more, and not encoded already."""
    offered = request.headers.get("accept-encoding", "").lower().split(",")
    kind = stored.headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        any(_GZIP.fullmatch(name.strip()) for name in offered)
        and kind in _GZIPPED_TYPES
        and stored.size >= _SMALLEST_GZIPPED
        and "content-encoding" not in stored.headers
    )


def gzipped_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an object that is sent compressed."""
    kept = {name: value for name, value in headers.items() if name.lower() not in _NOT_OF_GZIPPED}
    return {**kept, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


async def _pieces(source: BinaryIO, start: int, left: int, limit: TrafficLimit | None) -> AsyncIterator[bytes]:
    await run_in_threadpool(source.seek, start)
    while left > 0:
        piece = await run_in_threadpool(source.read, min(CHUNK if limit is None else PIECE, left))
        left -= len(piece)
        if limit is not None:
            await limit.wait(len(piece))
        yield piece
        if not piece:
            return


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(wbits=_GZIP_WINDOW)
    async for piece in pieces:
        if packed := compressor.compress(piece):
            yield packed
    yield compressor.flush()
