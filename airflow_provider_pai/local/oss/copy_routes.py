"""Operations that take bytes from an object in place of a body: CopyObject and UploadPartCopy."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.acl import OBJECT_ACL_HEADER
from airflow_provider_pai.local.oss.blobs import Blob
from airflow_provider_pai.local.oss.conditions import check_conditions, resolve_range
from airflow_provider_pai.local.oss.errors import invalid_argument, not_implemented
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.names import check_bucket, check_key
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import stored_headers, xml_document
from airflow_provider_pai.local.oss.storage_class import without_restore
from airflow_provider_pai.local.oss.tagging import TAGGING_HEADER
from airflow_provider_pai.local.oss.traffic import traffic_limit
from airflow_provider_pai.local.oss.xml import timestamp

SOURCE_HEADER = "x-oss-copy-source"

_CONDITIONS = "x-oss-copy-source-"
_REPLACE = "REPLACE"


async def copy_object(context: RequestContext) -> Response:
    """CopyObject; of a link the link itself is copied (OSS help, CopyObject)."""
    headers = context.request.headers
    bucket, key = _source(headers[SOURCE_HEADER])
    source = await run_in_threadpool(context.store.head, bucket, key)
    check_conditions(headers, source, _CONDITIONS)
    limit = traffic_limit(context.request)
    kept = await run_in_threadpool(_headers_of_copy, context, source)
    copied = await run_in_threadpool(
        context.store.copy,
        bucket,
        key,
        context.bucket,
        context.key,
        kept,
        forbid_overwrite=context.forbids_overwrite(),
    )
    if limit is not None:
        await limit.wait(copied.size)
    content = [("ETag", f'"{copied.etag}"'), ("LastModified", timestamp(copied.modified))]
    return xml_document("CopyObjectResult", content, stored_headers(copied))


async def stage_source(context: RequestContext) -> Blob:
    """Take the bytes of a copy's source as a blob: all of them or a range.

    A range that does not fit means the whole object, as for GetObject [inferred].

    Raises:
        OSSErrorResponse: NoSuchBucket, NoSuchKey, PreconditionFailed, NotModified, InvalidObjectState.
    """
    bucket, key = _source(context.request.headers[SOURCE_HEADER])
    limit = traffic_limit(context.request)
    blob = await run_in_threadpool(_stage, context, bucket, key)
    if limit is not None:
        await limit.wait(blob.size)
    return blob


def _stage(context: RequestContext, bucket: str, key: str) -> Blob:
    headers = context.request.headers
    stored, source = context.store.open(bucket, key)
    with source:
        check_conditions(headers, stored, _CONDITIONS)
        asked = {"range": headers.get("x-oss-copy-source-range", "")}
        start, end = resolve_range(asked, stored.size) or (0, stored.size)
        source.seek(start)
        with context.store.stage() as writer:
            writer.fill(source, end - start)
            return writer.finish()


def _headers_of_copy(context: RequestContext, source: StoredObject) -> Mapping[str, str]:
    """Return what is kept about a copy. Its ACL is not the source's, [inferred] even when it is copied onto itself.

    OSS ignores the metadata directive when an object is copied onto itself with metadata: that is how metadata is
    changed. Without any, the object keeps what it has.
    """
    headers = context.request.headers
    onto_itself = (source.bucket, source.key) == (context.bucket, context.key)
    replaces = headers.get("x-oss-metadata-directive", "").upper() == _REPLACE
    kept = {
        name: value
        for name, value in without_restore(source.headers).items()
        if name not in (OBJECT_ACL_HEADER, TAGGING_HEADER)
    }
    if replaces or (onto_itself and context.entity_headers()):
        kept = context.entity_headers()
    if headers.get("x-oss-tagging-directive", "").upper() == _REPLACE:
        tagging = context.tagging()
    else:
        tagging = {name: value for name, value in source.headers.items() if name == TAGGING_HEADER}
    return {**kept, **context.object_acl(), **tagging, **context.storage_class()}


def _source(value: str) -> tuple[str, str]:
    path, _, query = value.partition("?")
    if not path.startswith("/"):
        raise invalid_argument("The copy source must begin with a slash", SOURCE_HEADER, value)
    if query:
        raise not_implemented("copying a version of an object")
    bucket, _, key = path.removeprefix("/").partition("/")
    return check_bucket(unquote(bucket)), check_key(unquote(key))
