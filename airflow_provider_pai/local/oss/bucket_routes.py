"""Operations on the service and on one bucket."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.acl import ACL, BUCKET_ACL_HEADER, bucket_acl
from airflow_provider_pai.local.oss.buckets import Bucket
from airflow_provider_pai.local.oss.errors import invalid_argument, malformed_xml
from airflow_provider_pai.local.oss.index import StoredObject
from airflow_provider_pai.local.oss.listing import ListingPage
from airflow_provider_pai.local.oss.multipart import MultipartUpload
from airflow_provider_pai.local.oss.names import check_key
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import OWNER, empty_response, xml_document
from airflow_provider_pai.local.oss.xml import Content, read_deletion, timestamp

_Elements = list[tuple[str, Content]]
_MAX_DELETIONS = 1000


def encoder(context: RequestContext) -> tuple[Callable[[str], str], _Elements]:
    """Return how names are written into the answer's document, and the element that says so.

    Raises:
        OSSErrorResponse: InvalidArgument: an ``encoding-type`` other than ``url``.
    """
    encoding = context.parameter("encoding-type")
    if encoding not in ("", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request.", "encoding-type", encoding)
    if not encoding:
        return str, []
    return lambda text: quote(text, safe=""), [("EncodingType", "url")]


async def list_buckets(context: RequestContext) -> Response:
    """ListBuckets of the one account there is."""
    prefix, marker, limit = context.parameter("prefix"), context.parameter("marker"), context.limit("max-keys", 100)
    buckets = await run_in_threadpool(context.store.buckets)
    found = [bucket for bucket in buckets if bucket.name.startswith(prefix) and bucket.name > marker]
    page = found[:limit]
    paging: _Elements = [("Prefix", prefix), ("Marker", marker), ("MaxKeys", limit)]
    paging.append(("IsTruncated", len(found) > limit))
    if len(found) > limit:
        paging.append(("NextMarker", page[-1].name))
    entries: Content = [("Bucket", _bucket_facts(context, bucket)) for bucket in page]
    return xml_document("ListAllMyBucketsResult", [*paging, ("Owner", OWNER), ("Buckets", entries)])


async def put_bucket(context: RequestContext) -> Response:
    """PutBucket; a storage class in the body changes nothing here and is read to be dropped."""
    await context.read_document()
    acl = _acl_header(context)
    await run_in_threadpool(context.store.create_bucket, context.bucket)
    if acl is not None:
        await run_in_threadpool(context.store.attributes.set_bucket_acl, context.bucket, acl)
    return empty_response(headers={"Location": f"/{context.bucket}"})


async def put_bucket_acl(context: RequestContext) -> Response:
    """PutBucketACL."""
    acl = _acl_header(context)
    if acl is None:
        raise invalid_argument(f"The header {BUCKET_ACL_HEADER} is required", BUCKET_ACL_HEADER)
    await run_in_threadpool(context.store.attributes.set_bucket_acl, context.bucket, acl)
    return empty_response()


async def get_bucket_acl(context: RequestContext) -> Response:
    """GetBucketACL."""
    acl = await run_in_threadpool(context.store.attributes.bucket_acl, context.bucket)
    return xml_document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", acl)])])


async def delete_bucket(context: RequestContext) -> Response:
    """DeleteBucket, when it is empty."""
    await run_in_threadpool(context.store.delete_bucket, context.bucket)
    return empty_response(204)


async def bucket_info(context: RequestContext) -> Response:
    """GetBucketInfo. Both endpoints are this server's, so that a client that follows them stays on this machine."""
    bucket = await run_in_threadpool(context.store.bucket, context.bucket)
    acl = await run_in_threadpool(context.store.attributes.bucket_acl, context.bucket)
    facts: _Elements = [
        *_bucket_facts(context, bucket),
        ("AccessMonitor", "Disabled"),
        ("Comment", ""),
        ("CrossRegionReplication", "Disabled"),
        ("DataRedundancyType", "LRS"),
        ("ServerSideEncryptionRule", [("SSEAlgorithm", "None")]),
        ("TransferAcceleration", "Disabled"),
        ("AccessControlList", [("Grant", acl)]),
        ("Owner", OWNER),
    ]
    return xml_document("BucketInfo", [("Bucket", facts)])


async def bucket_location(context: RequestContext) -> Response:
    """GetBucketLocation."""
    await run_in_threadpool(context.store.bucket, context.bucket)
    return xml_document("LocationConstraint", f"oss-{context.region_id}")


async def list_objects(context: RequestContext) -> Response:
    """ListObjects, version 1: pages by marker."""
    encode, encoding = encoder(context)
    marker, limit = context.parameter("marker"), context.limit("max-keys", 100)
    page = await _page(context, marker, limit)
    head: _Elements = [*_listing_head(context, encode, limit), ("Marker", encode(marker)), *encoding]
    if page.truncated:
        head.append(("NextMarker", encode(page.next_marker)))
    return xml_document("ListBucketResult", [*head, *_listing_items(page, encode, with_owner=True)])


async def list_objects_v2(context: RequestContext) -> Response:
    """ListObjectsV2: pages by an opaque token."""
    encode, encoding = encoder(context)
    token, start_after = context.parameter("continuation-token"), context.parameter("start-after")
    limit = context.limit("max-keys", 100)
    page = await _page(context, _read_token(token) if token else start_after, limit)
    head: _Elements = [*_listing_head(context, encode, limit), *encoding]
    head += [("StartAfter", encode(start_after))] if start_after else []
    head += [("ContinuationToken", token)] if token else []
    if page.truncated:
        head.append(("NextContinuationToken", base64.urlsafe_b64encode(page.next_marker.encode()).decode()))
    head.append(("KeyCount", len(page.objects) + len(page.prefixes)))
    with_owner = context.parameter("fetch-owner") == "true"
    return xml_document("ListBucketResult", [*head, *_listing_items(page, encode, with_owner=with_owner)])


async def delete_objects(context: RequestContext) -> Response:
    """DeleteMultipleObjects, at most 1,000; those that were absent count as deleted."""
    encode, encoding = encoder(context)
    if "content-md5" not in context.request.headers:
        raise invalid_argument("Missing Some Required Arguments: Content-MD5", "Content-MD5")
    keys, quiet = read_deletion(await context.read_document())
    if len(keys) > _MAX_DELETIONS:
        raise malformed_xml()
    await run_in_threadpool(context.store.delete_many, context.bucket, [check_key(key) for key in keys])
    deleted: _Elements = [("Deleted", [("Key", encode(key))]) for key in keys]
    return xml_document("DeleteResult", [*encoding, *([] if quiet else deleted)])


async def list_uploads(context: RequestContext) -> Response:
    """ListMultipartUploads; grouping by a delimiter happens over all of them, as they are few."""
    encode, encoding = encoder(context)
    prefix, delimiter = context.parameter("prefix"), context.parameter("delimiter")
    key_marker, id_marker = context.parameter("key-marker"), context.parameter("upload-id-marker")
    limit = context.limit("max-uploads", 1000)
    uploads = await run_in_threadpool(context.store.uploads.pending, context.bucket, prefix)
    behind = [upload for upload in uploads if _is_after(upload, key_marker, id_marker)]
    page = behind[:limit]
    last = page[-1] if len(behind) > limit else None
    content: _Elements = [
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


async def _page(context: RequestContext, marker: str, limit: int) -> ListingPage:
    prefix, delimiter = context.parameter("prefix"), context.parameter("delimiter")
    return await run_in_threadpool(context.store.list_objects, context.bucket, prefix, delimiter, marker, limit)


def _acl_header(context: RequestContext) -> ACL | None:
    value = context.request.headers.get(BUCKET_ACL_HEADER)
    return None if value is None else bucket_acl(value)


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token", token) from error


def _bucket_facts(context: RequestContext, bucket: Bucket) -> _Elements:
    return [
        ("CreationDate", timestamp(bucket.created)),
        ("ExtranetEndpoint", context.host),
        ("IntranetEndpoint", context.host),
        ("Location", f"oss-{context.region_id}"),
        ("Name", bucket.name),
        ("Region", context.region_id),
        ("StorageClass", "Standard"),
    ]


def _listing_head(context: RequestContext, encode: Callable[[str], str], limit: int) -> _Elements:
    return [
        ("Name", context.bucket),
        ("Prefix", encode(context.parameter("prefix"))),
        ("MaxKeys", limit),
        ("Delimiter", encode(context.parameter("delimiter"))),
    ]


def _listing_items(
    page: ListingPage, encode: Callable[[str], str], *, with_owner: bool
) -> Iterable[tuple[str, Content]]:
    yield "IsTruncated", page.truncated
    for stored in page.objects:
        yield "Contents", [*_object_facts(stored, encode), *([("Owner", OWNER)] if with_owner else [])]
    for prefix in page.prefixes:
        yield "CommonPrefixes", [("Prefix", encode(prefix))]


def _object_facts(stored: StoredObject, encode: Callable[[str], str]) -> _Elements:
    return [
        ("Key", encode(stored.key)),
        ("LastModified", timestamp(stored.modified)),
        ("ETag", f'"{stored.etag}"'),
        ("Type", str(stored.kind)),
        ("Size", stored.size),
        ("StorageClass", "Standard"),
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
