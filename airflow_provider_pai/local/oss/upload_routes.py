"""Operations of a multipart upload."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.bucket_routes import encoder
from airflow_provider_pai.local.oss.copy_routes import SOURCE_HEADER, upload_part_copy
from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.multipart import Part
from airflow_provider_pai.local.oss.request import Incoming
from airflow_provider_pai.local.oss.responses import document, empty, stored_headers
from airflow_provider_pai.local.oss.xml import Content, read_completion, timestamp


async def start_upload(incoming: Incoming) -> Response:
    """InitiateMultipartUpload; where overwriting is forbidden, it is refused before the first part is sent."""
    encode, encoding = encoder(incoming)
    await run_in_threadpool(incoming.check_target)
    upload = await run_in_threadpool(
        incoming.store.uploads.start, incoming.bucket, incoming.key, incoming.kept_headers()
    )
    content = [*encoding, ("Bucket", upload.bucket), ("Key", encode(upload.key)), ("UploadId", upload.upload_id)]
    return document("InitiateMultipartUploadResult", content)


async def upload_part(incoming: Incoming) -> Response:
    """UploadPart, and UploadPartCopy when the request names a source."""
    number, upload_id = incoming.parameter("partNumber"), incoming.parameter("uploadId")
    if not number.isdecimal():
        raise invalid_argument("Part number must be an integer", "partNumber", number)
    uploads = incoming.store.uploads
    await run_in_threadpool(uploads.find, incoming.bucket, incoming.key, upload_id)
    if SOURCE_HEADER in incoming.request.headers:
        return await upload_part_copy(incoming, upload_id, int(number))
    blob = await incoming.stage()
    part = await run_in_threadpool(uploads.put_part, incoming.bucket, incoming.key, upload_id, int(number), blob)
    return empty(headers={"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": str(part.crc64)})


async def complete_upload(incoming: Incoming) -> Response:
    """CompleteMultipartUpload, of the parts listed or, with ``x-oss-complete-all: yes``, of all that arrived."""
    encode, encoding = encoder(incoming)
    body = await incoming.document()
    takes_all = incoming.request.headers.get("x-oss-complete-all", "").lower() == "yes"
    if takes_all and body:
        raise invalid_argument("The request body must be empty", "x-oss-complete-all", "yes")
    stored = await run_in_threadpool(
        incoming.store.uploads.complete,
        incoming.bucket,
        incoming.key,
        incoming.parameter("uploadId"),
        None if takes_all else read_completion(body),
        incoming.object_acl(),
        forbid_overwrite=incoming.forbids_overwrite(),
    )
    content: Content = [
        *encoding,
        ("Location", f"http://{incoming.host}/{stored.bucket}/{encode(stored.key)}"),
        ("Bucket", stored.bucket),
        ("Key", encode(stored.key)),
        ("ETag", f'"{stored.etag}"'),
    ]
    return document("CompleteMultipartUploadResult", content, stored_headers(stored))


async def abort_upload(incoming: Incoming) -> Response:
    """AbortMultipartUpload."""
    await run_in_threadpool(incoming.store.uploads.abort, incoming.bucket, incoming.key, incoming.parameter("uploadId"))
    return empty(204)


async def list_parts(incoming: Incoming) -> Response:
    """ListParts."""
    encode, encoding = encoder(incoming)
    upload_id, marker = incoming.parameter("uploadId"), incoming.parameter("part-number-marker") or "0"
    if not marker.isdecimal():
        raise invalid_argument("The part-number-marker must be an integer", "part-number-marker", marker)
    limit = incoming.limit("max-parts", 1000)
    arrived = await run_in_threadpool(incoming.store.uploads.parts, incoming.bucket, incoming.key, upload_id)
    behind = [part for part in arrived if part.number > int(marker)]
    page = behind[:limit]
    content: list[tuple[str, Content]] = [
        *encoding,
        ("Bucket", incoming.bucket),
        ("Key", encode(incoming.key)),
        ("UploadId", upload_id),
        ("StorageClass", "Standard"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", page[-1].number if page else marker),
        ("MaxParts", limit),
        ("IsTruncated", len(behind) > limit),
    ]
    return document("ListPartsResult", [*content, *(("Part", _part_facts(part)) for part in page)])


def _part_facts(part: Part) -> Content:
    return [
        ("PartNumber", part.number),
        ("LastModified", timestamp(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("HashCrc64ecma", str(part.crc64)),
        ("Size", part.size),
    ]
