"""Operations on one object's bytes: put, get, head, delete, append."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.conditions import check_conditions, resolve_range
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import empty_response, object_headers, stored_headers
from airflow_provider_pai.local.oss.storage_class import StorageClass, Tier, storage_class_of
from airflow_provider_pai.local.oss.streams import GzippedObject, ObjectBytes, gzipped_headers, is_gzipped
from airflow_provider_pai.local.oss.traffic import TrafficLimit, traffic_limit
from airflow_provider_pai.local.oss.xml_bucket import read_restore

_RESPONSE_PREFIX = "response-"
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
"""What can travel in a header: no line break, which would begin another one, and nothing beyond Latin-1."""
_MAX_POSITION = 1 << 60


async def put_object(context: RequestContext) -> Response:
    """PutObject."""
    kept = await run_in_threadpool(context.headers_to_store)
    await run_in_threadpool(context.check_target)
    blob = await context.stage()
    stored = await run_in_threadpool(
        context.store.put_blob,
        context.bucket,
        context.key,
        blob,
        kept,
        forbid_overwrite=context.forbids_overwrite(),
    )
    return empty_response(
        headers={**stored_headers(stored), "Content-MD5": object_headers(stored, context.clock())["Content-MD5"]}
    )


async def get_object(context: RequestContext) -> Response:
    """GetObject, whole or a range."""
    limit = traffic_limit(context.request)
    stored, source = await run_in_threadpool(context.store.open, context.bucket, context.key)
    with ExitStack() as stack:
        stack.callback(source.close)
        response = _bytes_response(context, stored, source, limit)
        # The answer closes it now.
        stack.pop_all()
        return response


def _bytes_response(
    context: RequestContext, stored: StoredObject, source: BinaryIO, limit: TrafficLimit | None
) -> Response:
    check_conditions(context.request.headers, stored)
    bounds = resolve_range(context.request.headers, stored.size)
    headers = _apply_overrides(context, object_headers(stored, context.clock()))
    if bounds is None and is_gzipped(context.request, stored):
        return GzippedObject(source, stored.size, gzipped_headers(headers), limit)
    if bounds is None:
        return ObjectBytes(source, 0, stored.size, 200, headers, limit)
    start, end = bounds
    headers.pop("Content-MD5", None)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    return ObjectBytes(source, start, end, 206, headers, limit)


async def head_object(context: RequestContext) -> Response:
    """HeadObject: what GetObject would say, without the bytes."""
    stored = await run_in_threadpool(context.store.resolve, context.bucket, context.key)
    check_conditions(context.request.headers, stored)
    headers = _apply_overrides(context, object_headers(stored, context.clock()))
    return empty_response(headers=gzipped_headers(headers) if is_gzipped(context.request, stored) else headers)


async def get_object_meta(context: RequestContext) -> Response:
    """GetObjectMeta: size, ETag and time only; a link's are its own (OSS help, GetObjectMeta)."""
    stored = await run_in_threadpool(context.store.head, context.bucket, context.key)
    names = ["ETag", "Last-Modified", "x-oss-hash-crc64ecma"]
    if context.request.method == "HEAD":
        # Not for GET: it must send the body its length promises, and this operation has none.
        names.append("Content-Length")
    headers = object_headers(stored, context.clock())
    return empty_response(headers={name: headers[name] for name in names})


async def delete_object(context: RequestContext) -> Response:
    """DeleteObject: done even when there was none."""
    await run_in_threadpool(context.store.delete, context.bucket, context.key)
    return empty_response(204)


async def append_object(context: RequestContext) -> Response:
    """AppendObject at the position the client believes to be the end."""
    position = context.number("position", -1, 0, _MAX_POSITION)
    # What a later append says about the object is ignored, as oss2's own tests expect it.
    kept = await run_in_threadpool(context.headers_to_store) if position == 0 else {}
    await run_in_threadpool(context.store.bucket, context.bucket)
    blob = await context.stage()
    stored = await run_in_threadpool(context.store.append_blob, context.bucket, context.key, position, blob, kept)
    return empty_response(headers={**stored_headers(stored), "x-oss-next-append-position": str(stored.size)})


async def restore_object(context: RequestContext) -> Response:
    """RestoreObject: 202 when it could not be read before, else 200."""
    asked = read_restore(await context.read_document())
    stored, was_readable = await run_in_threadpool(context.store.restore, context.bucket, context.key, asked)
    headers = {}
    if storage_class_of(stored) is not StorageClass.ARCHIVE:
        headers["x-oss-object-restore-priority"] = asked.tier or Tier.STANDARD
    return empty_response(200 if was_readable else 202, headers)


def _apply_overrides(context: RequestContext, headers: dict[str, str]) -> dict[str, str]:
    """Put what ``response-*`` parameters ask for in place of the object's own headers.

    Raises:
        OSSErrorResponse: InvalidArgument: what no header can say.
    """
    asked = {
        name.removeprefix(_RESPONSE_PREFIX): value
        for name, value in context.request.query.items()
        if name.startswith(_RESPONSE_PREFIX) and value
    }
    for name, value in asked.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise invalid_argument("A header can't have this value.", _RESPONSE_PREFIX + name)
    return {name: value for name, value in headers.items() if name.lower() not in asked} | asked
