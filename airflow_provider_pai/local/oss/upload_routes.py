"""Operations of a multipart upload."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.bucket_routes import encoder
from airflow_provider_pai.local.oss.copy_routes import SOURCE_HEADER, upload_part_copy
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.multipart import Part
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import empty_response, stored_headers, xml_document
from airflow_provider_pai.local.oss.xml import Content, read_completion, timestamp


async def start_upload(context: RequestContext) -> Response:
    """InitiateMultipartUpload; where overwriting is forbidden, it is refused before the first part is sent."""
    encode, encoding = encoder(context)
    await run_in_threadpool(context.check_target)
    upload = await run_in_threadpool(
        context.store.uploads.start, context.bucket, context.key, context.headers_to_store()
    )
    content = [*encoding, ("Bucket", upload.bucket), ("Key", encode(upload.key)), ("UploadId", upload.upload_id)]
    return xml_document("InitiateMultipartUploadResult", content)


async def upload_part(context: RequestContext) -> Response:
    """UploadPart, and UploadPartCopy when the request names a source."""
    number, upload_id = context.parameter("partNumber"), context.parameter("uploadId")
    if not number.isdecimal():
        raise invalid_argument("Part number must be an integer", "partNumber", number)
    uploads = context.store.uploads
    await run_in_threadpool(uploads.find, context.bucket, context.key, upload_id)
    if SOURCE_HEADER in context.request.headers:
        return await upload_part_copy(context, upload_id, int(number))
    blob = await context.stage()
    part = await run_in_threadpool(uploads.put_part, context.bucket, context.key, upload_id, int(number), blob)
    return empty_response(headers={"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": str(part.crc64)})


async def complete_upload(context: RequestContext) -> Response:
    """CompleteMultipartUpload, of the parts listed or, with ``x-oss-complete-all: yes``, of all that arrived."""
    encode, encoding = encoder(context)
    body = await context.read_document()
    takes_all = context.request.headers.get("x-oss-complete-all", "").lower() == "yes"
    if takes_all and body:
        raise invalid_argument("The request body must be empty", "x-oss-complete-all", "yes")
    stored = await run_in_threadpool(
        context.store.uploads.complete,
        context.bucket,
        context.key,
        context.parameter("uploadId"),
        None if takes_all else read_completion(body),
        context.object_acl(),
        forbid_overwrite=context.forbids_overwrite(),
    )
    content: Content = [
        *encoding,
        ("Location", f"http://{context.host}/{stored.bucket}/{encode(stored.key)}"),
        ("Bucket", stored.bucket),
        ("Key", encode(stored.key)),
        ("ETag", f'"{stored.etag}"'),
    ]
    return xml_document("CompleteMultipartUploadResult", content, stored_headers(stored))


async def abort_upload(context: RequestContext) -> Response:
    """AbortMultipartUpload."""
    await run_in_threadpool(context.store.uploads.abort, context.bucket, context.key, context.parameter("uploadId"))
    return empty_response(204)


async def list_parts(context: RequestContext) -> Response:
    """ListParts."""
    encode, encoding = encoder(context)
    upload_id, marker = context.parameter("uploadId"), context.parameter("part-number-marker") or "0"
    if not marker.isdecimal():
        raise invalid_argument("The part-number-marker must be an integer", "part-number-marker", marker)
    limit = context.limit("max-parts", 1000)
    arrived = await run_in_threadpool(context.store.uploads.parts, context.bucket, context.key, upload_id)
    behind = [part for part in arrived if part.number > int(marker)]
    page = behind[:limit]
    content: list[tuple[str, Content]] = [
        *encoding,
        ("Bucket", context.bucket),
        ("Key", encode(context.key)),
        ("UploadId", upload_id),
        ("StorageClass", "Standard"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", page[-1].number if page else marker),
        ("MaxParts", limit),
        ("IsTruncated", len(behind) > limit),
    ]
    return xml_document("ListPartsResult", [*content, *(("Part", _part_facts(part)) for part in page)])


def _part_facts(part: Part) -> Content:
    return [
        ("PartNumber", part.number),
        ("LastModified", timestamp(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("HashCrc64ecma", str(part.crc64)),
        ("Size", part.size),
    ]
