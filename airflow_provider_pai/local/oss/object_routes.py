"""Operations on one object's bytes: put, get, head, delete, append."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.conditions import check_conditions, resolve_range
from airflow_provider_pai.local.oss.copy_routes import SOURCE_HEADER, copy_object
from airflow_provider_pai.local.oss.errors import OSSRefusal, invalid_argument
from airflow_provider_pai.local.oss.request import Incoming
from airflow_provider_pai.local.oss.responses import ObjectBytes, empty, object_headers, stored_headers

_RESPONSE_PREFIX = "response-"


async def put_object(incoming: Incoming) -> Response:
    """PutObject, and CopyObject when the request names a source."""
    if SOURCE_HEADER in incoming.request.headers:
        return await copy_object(incoming)
    kept = incoming.kept_headers()
    await run_in_threadpool(incoming.check_target)
    blob = await incoming.stage()
    stored = await run_in_threadpool(
        incoming.store.put_blob,
        incoming.bucket,
        incoming.key,
        blob,
        kept,
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
    stored = await run_in_threadpool(incoming.store.seen, incoming.bucket, incoming.key)
    check_conditions(incoming.request.headers, stored)
    return empty(headers=_overridden(incoming, object_headers(stored)))


async def get_object_meta(incoming: Incoming) -> Response:
    """GetObjectMeta: size, ETag and time only; a link's are its own (OSS help, GetObjectMeta)."""
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
    # What a later append says about the object is ignored, as oss2's own tests expect it.
    kept = incoming.kept_headers() if int(position) == 0 else {}
    await run_in_threadpool(incoming.store.bucket, incoming.bucket)
    blob = await incoming.stage()
    stored = await run_in_threadpool(
        incoming.store.append_blob, incoming.bucket, incoming.key, int(position), blob, kept
    )
    return empty(headers={**stored_headers(stored), "x-oss-next-append-position": str(stored.size)})


def _overridden(incoming: Incoming, headers: dict[str, str]) -> dict[str, str]:
    """Put what ``response-*`` parameters ask for in place of the object's own headers."""
    asked = {
        name.removeprefix(_RESPONSE_PREFIX): value
        for name, value in incoming.request.query.items()
        if name.startswith(_RESPONSE_PREFIX) and value
    }
    return {name: value for name, value in headers.items() if name.lower() not in asked} | asked
