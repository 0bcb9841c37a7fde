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
from airflow_provider_pai.local.oss.listing import Page
from airflow_provider_pai.local.oss.multipart import Upload
from airflow_provider_pai.local.oss.names import check_key
from airflow_provider_pai.local.oss.request import Incoming
from airflow_provider_pai.local.oss.responses import OWNER, document, empty
from airflow_provider_pai.local.oss.xml import Content, read_deletion, timestamp

_Elements = list[tuple[str, Content]]
_MAX_DELETIONS = 1000


def encoder(incoming: Incoming) -> tuple[Callable[[str], str], _Elements]:
    """Return how names are written into the answer's document, and the element that says so.

    Raises:
        OSSRefusal: InvalidArgument: an ``encoding-type`` other than ``url``.
    """
    encoding = incoming.parameter("encoding-type")
    if encoding not in ("", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request.", "encoding-type", encoding)
    if not encoding:
        return str, []
    return lambda text: quote(text, safe=""), [("EncodingType", "url")]


async def list_buckets(incoming: Incoming) -> Response:
    """ListBuckets of the one account there is."""
    prefix, marker, limit = incoming.parameter("prefix"), incoming.parameter("marker"), incoming.limit("max-keys", 100)
    buckets = await run_in_threadpool(incoming.store.buckets)
    found = [bucket for bucket in buckets if bucket.name.startswith(prefix) and bucket.name > marker]
    page = found[:limit]
    paging: _Elements = [("Prefix", prefix), ("Marker", marker), ("MaxKeys", limit)]
    paging.append(("IsTruncated", len(found) > limit))
    if len(found) > limit:
        paging.append(("NextMarker", page[-1].name))
    entries: Content = [("Bucket", _bucket_facts(incoming, bucket)) for bucket in page]
    return document("ListAllMyBucketsResult", [*paging, ("Owner", OWNER), ("Buckets", entries)])


async def put_bucket(incoming: Incoming) -> Response:
    """PutBucket; a storage class in the body changes nothing here and is read to be dropped."""
    await incoming.document()
    acl = _asked_acl(incoming)
    await run_in_threadpool(incoming.store.create_bucket, incoming.bucket)
    if acl is not None:
        await run_in_threadpool(incoming.store.attributes.set_bucket_acl, incoming.bucket, acl)
    return empty(headers={"Location": f"/{incoming.bucket}"})


async def put_bucket_acl(incoming: Incoming) -> Response:
    """PutBucketACL."""
    acl = _asked_acl(incoming)
    if acl is None:
        raise invalid_argument(f"The header {BUCKET_ACL_HEADER} is required", BUCKET_ACL_HEADER)
    await run_in_threadpool(incoming.store.attributes.set_bucket_acl, incoming.bucket, acl)
    return empty()


async def get_bucket_acl(incoming: Incoming) -> Response:
    """GetBucketACL."""
    acl = await run_in_threadpool(incoming.store.attributes.bucket_acl, incoming.bucket)
    return document("AccessControlPolicy", [("Owner", OWNER), ("AccessControlList", [("Grant", acl)])])


async def delete_bucket(incoming: Incoming) -> Response:
    """DeleteBucket, when it is empty."""
    await run_in_threadpool(incoming.store.delete_bucket, incoming.bucket)
    return empty(204)


async def bucket_info(incoming: Incoming) -> Response:
    """GetBucketInfo. Both endpoints are this server's, so that a client that follows them stays on this machine."""
    bucket = await run_in_threadpool(incoming.store.bucket, incoming.bucket)
    acl = await run_in_threadpool(incoming.store.attributes.bucket_acl, incoming.bucket)
    facts: _Elements = [
        *_bucket_facts(incoming, bucket),
        ("AccessMonitor", "Disabled"),
        ("Comment", ""),
        ("CrossRegionReplication", "Disabled"),
        ("DataRedundancyType", "LRS"),
        ("ServerSideEncryptionRule", [("SSEAlgorithm", "None")]),
        ("TransferAcceleration", "Disabled"),
        ("AccessControlList", [("Grant", acl)]),
        ("Owner", OWNER),
    ]
    return document("BucketInfo", [("Bucket", facts)])


async def bucket_location(incoming: Incoming) -> Response:
    """GetBucketLocation."""
    await run_in_threadpool(incoming.store.bucket, incoming.bucket)
    return document("LocationConstraint", f"oss-{incoming.region_id}")


async def list_objects(incoming: Incoming) -> Response:
    """ListObjects, version 1: pages by marker."""
    encode, encoding = encoder(incoming)
    marker, limit = incoming.parameter("marker"), incoming.limit("max-keys", 100)
    page = await _page(incoming, marker, limit)
    head: _Elements = [*_listing_head(incoming, encode, limit), ("Marker", encode(marker)), *encoding]
    if page.truncated:
        head.append(("NextMarker", encode(page.next_marker)))
    return document("ListBucketResult", [*head, *_listing_items(page, encode, with_owner=True)])


async def list_objects_v2(incoming: Incoming) -> Response:
    """ListObjectsV2: pages by an opaque token."""
    encode, encoding = encoder(incoming)
    token, start_after = incoming.parameter("continuation-token"), incoming.parameter("start-after")
    limit = incoming.limit("max-keys", 100)
    page = await _page(incoming, _read_token(token) if token else start_after, limit)
    head: _Elements = [*_listing_head(incoming, encode, limit), *encoding]
    head += [("StartAfter", encode(start_after))] if start_after else []
    head += [("ContinuationToken", token)] if token else []
    if page.truncated:
        head.append(("NextContinuationToken", base64.urlsafe_b64encode(page.next_marker.encode()).decode()))
    head.append(("KeyCount", len(page.objects) + len(page.prefixes)))
    with_owner = incoming.parameter("fetch-owner") == "true"
    return document("ListBucketResult", [*head, *_listing_items(page, encode, with_owner=with_owner)])


async def delete_objects(incoming: Incoming) -> Response:
    """DeleteMultipleObjects, at most 1,000; those that were absent count as deleted."""
    encode, encoding = encoder(incoming)
    if "content-md5" not in incoming.request.headers:
        raise invalid_argument("Missing Some Required Arguments: Content-MD5", "Content-MD5")
    keys, quiet = read_deletion(await incoming.document())
    if len(keys) > _MAX_DELETIONS:
        raise malformed_xml()
    await run_in_threadpool(incoming.store.delete_many, incoming.bucket, [check_key(key) for key in keys])
    deleted: _Elements = [("Deleted", [("Key", encode(key))]) for key in keys]
    return document("DeleteResult", [*encoding, *([] if quiet else deleted)])


async def list_uploads(incoming: Incoming) -> Response:
    """ListMultipartUploads; grouping by a delimiter happens over all of them, as they are few."""
    encode, encoding = encoder(incoming)
    prefix, delimiter = incoming.parameter("prefix"), incoming.parameter("delimiter")
    key_marker, id_marker = incoming.parameter("key-marker"), incoming.parameter("upload-id-marker")
    limit = incoming.limit("max-uploads", 1000)
    uploads = await run_in_threadpool(incoming.store.uploads.under_way, incoming.bucket, prefix)
    behind = [upload for upload in uploads if _follows(upload, key_marker, id_marker)]
    page = behind[:limit]
    last = page[-1] if len(behind) > limit else None
    content: _Elements = [
        *encoding,
        ("Bucket", incoming.bucket),
        ("KeyMarker", encode(key_marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", encode(last.key) if last else ""),
        ("NextUploadIdMarker", last.upload_id if last else ""),
        ("Delimiter", encode(delimiter)),
        ("Prefix", encode(prefix)),
        ("MaxUploads", limit),
        ("IsTruncated", last is not None),
    ]
    return document("ListMultipartUploadsResult", [*content, *_upload_items(page, prefix, delimiter, encode)])


async def _page(incoming: Incoming, marker: str, limit: int) -> Page:
    prefix, delimiter = incoming.parameter("prefix"), incoming.parameter("delimiter")
    return await run_in_threadpool(incoming.store.list_objects, incoming.bucket, prefix, delimiter, marker, limit)


def _asked_acl(incoming: Incoming) -> ACL | None:
    value = incoming.request.headers.get(BUCKET_ACL_HEADER)
    return None if value is None else bucket_acl(value)


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token", token) from error


def _bucket_facts(incoming: Incoming, bucket: Bucket) -> _Elements:
    return [
        ("CreationDate", timestamp(bucket.created)),
        ("ExtranetEndpoint", incoming.host),
        ("IntranetEndpoint", incoming.host),
        ("Location", f"oss-{incoming.region_id}"),
        ("Name", bucket.name),
        ("Region", incoming.region_id),
        ("StorageClass", "Standard"),
    ]


def _listing_head(incoming: Incoming, encode: Callable[[str], str], limit: int) -> _Elements:
    return [
        ("Name", incoming.bucket),
        ("Prefix", encode(incoming.parameter("prefix"))),
        ("MaxKeys", limit),
        ("Delimiter", encode(incoming.parameter("delimiter"))),
    ]


def _listing_items(page: Page, encode: Callable[[str], str], *, with_owner: bool) -> Iterable[tuple[str, Content]]:
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


def _follows(upload: Upload, key_marker: str, id_marker: str) -> bool:
    key, marker = upload.key.encode(), key_marker.encode()
    return key > marker or (key == marker and bool(id_marker) and upload.upload_id > id_marker)


def _upload_items(
    uploads: Iterable[Upload], prefix: str, delimiter: str, encode: Callable[[str], str]
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
