"""Operations that list what a bucket holds: objects, multipart uploads, live channels."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.listing import ListingPage
from airflow_provider_pai.local.oss.multipart import MultipartUpload
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import OWNER, xml_document
from airflow_provider_pai.local.oss.storage_class import restore_header, storage_class_of
from airflow_provider_pai.local.oss.xml import Content, Elements, name_encoder, timestamp


async def list_objects(context: RequestContext) -> Response:
    """ListObjects, version 1: pages by marker."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    marker, limit = context.parameter("marker"), context.limit("max-keys", 100)
    page = await _page(context, marker, limit)
    head: Elements = [*_listing_head(context, encode, limit), ("Marker", encode(marker)), *encoding]
    if page.truncated:
        head.append(("NextMarker", encode(page.next_marker)))
    return xml_document("ListBucketResult", [*head, *_listing_items(page, encode, context.clock(), with_owner=True)])


async def list_objects_v2(context: RequestContext) -> Response:
    """ListObjectsV2: pages by an opaque token."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    token, start_after = context.parameter("continuation-token"), context.parameter("start-after")
    limit = context.limit("max-keys", 100)
    page = await _page(context, _read_token(token) if token else start_after, limit)
    head: Elements = [*_listing_head(context, encode, limit), *encoding]
    head += [("StartAfter", encode(start_after))] if start_after else []
    head += [("ContinuationToken", token)] if token else []
    if page.truncated:
        head.append(("NextContinuationToken", base64.urlsafe_b64encode(page.next_marker.encode()).decode()))
    head.append(("KeyCount", len(page.objects) + len(page.prefixes)))
    with_owner = _flag(context, "fetch-owner")
    return xml_document(
        "ListBucketResult", [*head, *_listing_items(page, encode, context.clock(), with_owner=with_owner)]
    )


async def list_uploads(context: RequestContext) -> Response:
    """ListMultipartUploads; grouping by a delimiter happens over all of them, as they are few."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    prefix, delimiter = context.parameter("prefix"), context.parameter("delimiter")
    key_marker, id_marker = context.parameter("key-marker"), context.parameter("upload-id-marker")
    limit = context.limit("max-uploads", 1000)
    uploads = await run_in_threadpool(context.store.uploads.pending, context.bucket, prefix)
    behind = [upload for upload in uploads if _is_after(upload, key_marker, id_marker)]
    page = behind[:limit]
    last = page[-1] if len(behind) > limit else None
    content: Elements = [
        *encoding,
        ("Bucket", context.bucket),
        ("KeyMarker", encode(key_marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", encode(last.key) if last else ""),
        ("NextUploadIdMarker", last.upload_id if last else ""),
        ("Delimiter", encode(delimiter)),
        ("Prefix", encode(prefix)),
        ("MaxUploads", limit),
        ("IsTruncated", last is not None),
    ]
    return xml_document("ListMultipartUploadsResult", [*content, *_upload_items(page, prefix, delimiter, encode)])


def _flag(context: RequestContext, name: str) -> bool:
    value = context.parameter(name).lower()
    if value not in ("", "true", "false"):
        raise invalid_argument(f"The {name} must be true or false", name, value)
    return value == "true"


async def _page(context: RequestContext, marker: str, limit: int) -> ListingPage:
    prefix, delimiter = context.parameter("prefix"), context.parameter("delimiter")
    return await run_in_threadpool(context.store.list_objects, context.bucket, prefix, delimiter, marker, limit)


async def list_live_channels(context: RequestContext) -> Response:
    """ListLiveChannel: local OSS takes no live streams, so there is none."""
    await run_in_threadpool(context.store.bucket, context.bucket)
    content: Elements = [
        ("Prefix", context.parameter("prefix")),
        ("Marker", context.parameter("marker")),
        ("MaxKeys", context.limit("max-keys", 100)),
        ("IsTruncated", False),
    ]
    return xml_document("ListLiveChannelResult", content)


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token", token) from error


def _listing_head(context: RequestContext, encode: Callable[[str], str], limit: int) -> Elements:
    return [
        ("Name", context.bucket),
        ("Prefix", encode(context.parameter("prefix"))),
        ("MaxKeys", limit),
        ("Delimiter", encode(context.parameter("delimiter"))),
    ]


def _listing_items(
    page: ListingPage, encode: Callable[[str], str], now: float, *, with_owner: bool
) -> Iterable[tuple[str, Content]]:
    yield "IsTruncated", page.truncated
    for stored in page.objects:
        yield "Contents", [*_object_facts(stored, encode, now), *([("Owner", OWNER)] if with_owner else [])]
    for prefix in page.prefixes:
        yield "CommonPrefixes", [("Prefix", encode(prefix))]


def _object_facts(stored: StoredObject, encode: Callable[[str], str], now: float) -> Elements:
    return [
        ("Key", encode(stored.key)),
        ("LastModified", timestamp(stored.modified)),
        ("ETag", f'"{stored.etag}"'),
        ("Type", str(stored.kind)),
        ("Size", stored.size),
        ("StorageClass", storage_class_of(stored)),
        *(("RestoreInfo", state) for state in restore_header(stored, now).values()),
    ]


def _is_after(upload: MultipartUpload, key_marker: str, id_marker: str) -> bool:
    key, marker = upload.key.encode(), key_marker.encode()
    return key > marker or (key == marker and bool(id_marker) and upload.upload_id > id_marker)


def _upload_items(
    uploads: Iterable[MultipartUpload], prefix: str, delimiter: str, encode: Callable[[str], str]
) -> Iterable[tuple[str, Content]]:
    groups: dict[str, None] = {}
    for upload in uploads:
        at = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        if at >= 0:
            groups[upload.key[: at + len(delimiter)]] = None
            continue
        facts: Content = [
            ("Key", encode(upload.key)),
            ("UploadId", upload.upload_id),
            ("Initiated", timestamp(upload.initiated)),
        ]
        yield "Upload", facts
    for group in groups:
        yield "CommonPrefixes", [("Prefix", encode(group))]
