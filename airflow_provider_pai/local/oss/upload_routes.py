"""Operations of a multipart upload."""

from __future__ import annotations

import base64

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.copy_routes import stage_source
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.multipart import MAX_PARTS, Part
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import empty_response, stored_headers, xml_document
from airflow_provider_pai.local.oss.storage_class import STORAGE_CLASS_HEADER, StorageClass
from airflow_provider_pai.local.oss.xml import Content, Elements, name_encoder, read_completion, timestamp


async def start_upload(context: RequestContext) -> Response:
    """InitiateMultipartUpload; where overwriting is forbidden, it is refused before the first part is sent."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    await run_in_threadpool(context.check_target)
    kept = await run_in_threadpool(context.headers_to_store)
    sequential = "sequential" in context.request.query
    upload = await run_in_threadpool(
        context.store.uploads.start, context.bucket, context.key, kept, sequential=sequential
    )
    content = [*encoding, ("Bucket", upload.bucket), ("Key", encode(upload.key)), ("UploadId", upload.upload_id)]
    return xml_document("InitiateMultipartUploadResult", content)


async def upload_part(context: RequestContext) -> Response:
    """UploadPart."""
    number, upload_id = await find_part(context)
    blob = await context.stage()
    part = await run_in_threadpool(context.store.uploads.put_part, context.bucket, context.key, upload_id, number, blob)
    facts = {"ETag": f'"{part.etag}"', "Content-MD5": base64.b64encode(bytes.fromhex(part.etag)).decode()}
    return empty_response(headers={**facts, "x-oss-hash-crc64ecma": str(part.crc64)})


async def upload_part_copy(context: RequestContext) -> Response:
    """UploadPartCopy: a part from an object's bytes, all of them or a range."""
    number, upload_id = await find_part(context)
    blob = await stage_source(context)
    part = await run_in_threadpool(context.store.uploads.put_part, context.bucket, context.key, upload_id, number, blob)
    content: Elements = [("LastModified", timestamp(part.modified)), ("ETag", f'"{part.etag}"')]
    # oss2 takes the ETag from the header.
    facts = {"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": str(part.crc64)}
    return xml_document("CopyPartResult", content, facts)


async def find_part(context: RequestContext) -> tuple[int, str]:
    """Return the number of the part that is meant, and the id of its upload, which is under way.

    Raises:
        OSSErrorResponse: InvalidArgument, NoSuchBucket, NoSuchUpload.
    """
    upload_id = context.parameter("uploadId")
    number = context.number("partNumber", 0, 1, MAX_PARTS)
    await run_in_threadpool(context.store.uploads.find, context.bucket, context.key, upload_id)
    return number, upload_id


async def complete_upload(context: RequestContext) -> Response:
    """CompleteMultipartUpload, of the parts listed or, with ``x-oss-complete-all: yes``, of all that arrived."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
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
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    upload_id, marker = context.parameter("uploadId"), context.number("part-number-marker", 0, 0, MAX_PARTS)
    limit = context.limit("max-parts", 1000)
    upload = await run_in_threadpool(context.store.uploads.find, context.bucket, context.key, upload_id)
    arrived = await run_in_threadpool(context.store.uploads.parts, context.bucket, context.key, upload_id)
    behind = [part for part in arrived if part.number > marker]
    page = behind[:limit]
    content: Elements = [
        *encoding,
        ("Bucket", context.bucket),
        ("Key", encode(context.key)),
        ("UploadId", upload_id),
        ("StorageClass", upload.headers.get(STORAGE_CLASS_HEADER, StorageClass.STANDARD)),
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
