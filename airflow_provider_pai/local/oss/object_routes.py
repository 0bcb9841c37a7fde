"""Operations on one object: put, get, head, delete, copy, append."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.conditions import check_conditions, resolve_range
from airflow_provider_pai.local.oss.documents import timestamp
from airflow_provider_pai.local.oss.incoming import Incoming
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.names import check_bucket, check_key
from airflow_provider_pai.local.oss.refusals import (
    OSSRefusal,
    file_already_exists,
    invalid_argument,
    not_implemented,
)
from airflow_provider_pai.local.oss.replies import ObjectBytes, document, empty, object_headers, stored_headers

_RESPONSE_PREFIX = "response-"


async def put_object(incoming: Incoming) -> Response:
    """PutObject, and CopyObject when the request names a source."""
    if "x-oss-copy-source" in incoming.request.headers:
        return await _copy_object(incoming)
    await run_in_threadpool(_check_target, incoming)
    blob = await incoming.stage()
    stored = await run_in_threadpool(
        incoming.store.put_blob,
        incoming.bucket,
        incoming.key,
        blob,
        incoming.kept_headers(),
        forbid_overwrite=incoming.forbids_overwrite(),
    )
    return empty(headers={**stored_headers(stored), "Content-MD5": object_headers(stored)["Content-MD5"]})


async def get_object(incoming: Incoming) -> Response:
    """GetObject, whole or a range."""
    stored, source = await run_in_threadpool(incoming.store.open, incoming.bucket, incoming.key)
    try:
        check_conditions(incoming.request.headers, stored)
        bounds = resolve_range(incoming.request.headers, stored.size)
    except OSSRefusal:
        source.close()
        raise
    headers = _overridden(incoming, object_headers(stored))
    if bounds is None:
        return ObjectBytes(source, 0, stored.size, 200, headers)
    start, end = bounds
    headers.pop("Content-MD5", None)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    return ObjectBytes(source, start, end, 206, headers)


async def head_object(incoming: Incoming) -> Response:
    """HeadObject: what GetObject would say, without the bytes."""
    stored = await run_in_threadpool(incoming.store.head, incoming.bucket, incoming.key)
    check_conditions(incoming.request.headers, stored)
    return empty(headers=_overridden(incoming, object_headers(stored)))


async def get_object_meta(incoming: Incoming) -> Response:
    """GetObjectMeta: size, ETag and time only."""
    stored = await run_in_threadpool(incoming.store.head, incoming.bucket, incoming.key)
    names = ["ETag", "Last-Modified", "x-oss-hash-crc64ecma"]
    if incoming.request.method == "HEAD":
        # Not for GET: it must send the body its length promises, and this operation has none.
        names.append("Content-Length")
    headers = object_headers(stored)
    return empty(headers={name: headers[name] for name in names})


async def delete_object(incoming: Incoming) -> Response:
    """DeleteObject: done even when there was none."""
    await run_in_threadpool(incoming.store.delete, incoming.bucket, incoming.key)
    return empty(204)


async def append_object(incoming: Incoming) -> Response:
    """AppendObject at the position the client believes to be the end."""
    position = incoming.parameter("position")
    if not position.isdecimal():
        raise invalid_argument("The position must be a number from 0", "position", position)
    await run_in_threadpool(incoming.store.bucket, incoming.bucket)
    blob = await incoming.stage()
    stored = await run_in_threadpool(
        incoming.store.append_blob, incoming.bucket, incoming.key, int(position), blob, incoming.kept_headers()
    )
    return empty(headers={**stored_headers(stored), "x-oss-next-append-position": str(stored.size)})


async def _copy_object(incoming: Incoming) -> Response:
    headers = incoming.request.headers
    bucket, key = _copy_source(headers["x-oss-copy-source"])
    source = await run_in_threadpool(incoming.store.head, bucket, key)
    check_conditions(headers, source, "x-oss-copy-source-")
    # OSS ignores the directive when an object is copied onto itself: that is how metadata is changed.
    onto_itself = (bucket, key) == (incoming.bucket, incoming.key)
    replaces = onto_itself or headers.get("x-oss-metadata-directive", "COPY") == "REPLACE"
    kept = incoming.kept_headers() if replaces else None
    copied = await run_in_threadpool(
        incoming.store.copy,
        bucket,
        key,
        incoming.bucket,
        incoming.key,
        kept,
        forbid_overwrite=incoming.forbids_overwrite(),
    )
    content = [("ETag", f'"{copied.etag}"'), ("LastModified", timestamp(copied.modified))]
    return document("CopyObjectResult", content, stored_headers(copied))


def _copy_source(value: str) -> tuple[str, str]:
    path, _, query = value.removeprefix("/").partition("?")
    if query:
        raise not_implemented("copying a version of an object")
    bucket, _, key = path.partition("/")
    return check_bucket(unquote(bucket)), check_key(unquote(key))


def _check_target(incoming: Incoming) -> StoredObject | None:
    """Refuse early what would be refused after the whole body was sent."""
    incoming.store.bucket(incoming.bucket)
    if not incoming.forbids_overwrite():
        return None
    try:
        incoming.store.head(incoming.bucket, incoming.key)
    except OSSRefusal:
        return None
    raise file_already_exists()


def _overridden(incoming: Incoming, headers: dict[str, str]) -> dict[str, str]:
    """Put what ``response-*`` parameters ask for in place of the object's own headers."""
    asked = {
        name.removeprefix(_RESPONSE_PREFIX): value
        for name, value in incoming.request.query.items()
        if name.startswith(_RESPONSE_PREFIX) and value
    }
    return {name: value for name, value in headers.items() if name.lower() not in asked} | asked
