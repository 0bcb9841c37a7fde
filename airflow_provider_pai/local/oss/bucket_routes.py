"""Operations on the service and on one bucket."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from airflow_provider_pai.local.oss.acl import ACL, BUCKET_ACL_HEADER, bucket_acl
from airflow_provider_pai.local.oss.buckets import Bucket
from airflow_provider_pai.local.oss.errors import invalid_argument, malformed_xml
from airflow_provider_pai.local.oss.names import check_key
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.responses import OWNER, empty_response, xml_document
from airflow_provider_pai.local.oss.storage_class import StorageClass
from airflow_provider_pai.local.oss.xml import Content, Elements, name_encoder, read_deletion, timestamp
from airflow_provider_pai.local.oss.xml_bucket import read_bucket_configuration

_MAX_DELETIONS = 1000


async def list_buckets(context: RequestContext) -> Response:
    """ListBuckets of the one account there is."""
    prefix, marker, limit = context.parameter("prefix"), context.parameter("marker"), context.limit("max-keys", 100)
    buckets = await run_in_threadpool(context.store.buckets)
    found = [bucket for bucket in buckets if bucket.name.startswith(prefix) and bucket.name > marker]
    page = found[:limit]
    paging: Elements = [("Prefix", prefix), ("Marker", marker), ("MaxKeys", limit)]
    paging.append(("IsTruncated", len(found) > limit))
    if len(found) > limit:
        paging.append(("NextMarker", page[-1].name))
    entries: Content = [("Bucket", _bucket_facts(context, bucket)) for bucket in page]
    return xml_document("ListAllMyBucketsResult", [*paging, ("Owner", OWNER), ("Buckets", entries)])


async def put_bucket(context: RequestContext) -> Response:
    """PutBucket; one that is there already keeps its storage class and redundancy."""
    asked = read_bucket_configuration(await context.read_document())
    acl = _acl_header(context)
    await run_in_threadpool(context.store.create_bucket, context.bucket, asked)
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


async def get_bucket_info(context: RequestContext) -> Response:
    """GetBucketInfo. Both endpoints are this server's, so that a client that follows them stays on this machine."""
    bucket = await run_in_threadpool(context.store.bucket, context.bucket)
    acl = await run_in_threadpool(context.store.attributes.bucket_acl, context.bucket)
    facts: Elements = [
        *_bucket_facts(context, bucket),
        ("AccessMonitor", "Disabled"),
        ("Comment", ""),
        ("CrossRegionReplication", "Disabled"),
        ("DataRedundancyType", bucket.settings.redundancy),
        ("ServerSideEncryptionRule", [("SSEAlgorithm", "None")]),
        ("TransferAcceleration", "Disabled"),
        ("AccessControlList", [("Grant", acl)]),
        ("Owner", OWNER),
    ]
    return xml_document("BucketInfo", [("Bucket", facts)])


async def get_bucket_location(context: RequestContext) -> Response:
    """GetBucketLocation."""
    await run_in_threadpool(context.store.bucket, context.bucket)
    return xml_document("LocationConstraint", f"oss-{context.region_id}")


async def get_bucket_stat(context: RequestContext) -> Response:
    """GetBucketStat: sizes and numbers as they are now; those of OSS may be an hour old."""
    stat = await run_in_threadpool(context.store.bucket_stat, context.bucket)
    content: Elements = [
        ("Storage", stat.size),
        ("ObjectCount", stat.objects),
        ("MultipartUploadCount", stat.uploads),
        ("LiveChannelCount", 0),
        ("MultipartPartCount", stat.parts),
        ("MultipartPartStorage", stat.parts_size),
        ("DeleteMarkerCount", 0),
        ("LastModifiedTime", int(context.clock())),
    ]
    for kept, (size, billed, count) in stat.by_class.items():
        content += _class_facts(kept, size, billed, count)
    return xml_document("BucketStat", content)


async def delete_objects(context: RequestContext) -> Response:
    """DeleteMultipleObjects, at most 1,000; those that were absent count as deleted."""
    encode, encoding = name_encoder(context.parameter("encoding-type"))
    if "content-md5" not in context.request.headers:
        raise invalid_argument("Missing Some Required Arguments: Content-MD5", "Content-MD5")
    keys, quiet = read_deletion(await context.read_document())
    if len(keys) > _MAX_DELETIONS:
        raise malformed_xml()
    await run_in_threadpool(context.store.delete_many, context.bucket, [check_key(key) for key in keys])
    deleted: Elements = [("Deleted", [("Key", encode(key))]) for key in keys]
    return xml_document("DeleteResult", [*encoding, *([] if quiet else deleted)])


def _acl_header(context: RequestContext) -> ACL | None:
    value = context.request.headers.get(BUCKET_ACL_HEADER)
    return None if value is None else bucket_acl(value)


def _bucket_facts(context: RequestContext, bucket: Bucket) -> Elements:
    return [
        ("CreationDate", timestamp(bucket.created)),
        ("ExtranetEndpoint", context.host),
        ("IntranetEndpoint", context.host),
        ("Location", f"oss-{context.region_id}"),
        ("Name", bucket.name),
        ("Region", context.region_id),
        ("StorageClass", bucket.settings.storage_class),
    ]


def _class_facts(kept: StorageClass, size: int, billed: int, count: int) -> Elements:
    """Return the elements about one storage class; only those that are not Standard have a billed size."""
    if kept is StorageClass.STANDARD:
        return [("StandardStorage", size), ("StandardObjectCount", count)]
    name = "InfrequentAccess" if kept is StorageClass.IA else str(kept)
    return [(f"{name}Storage", billed), (f"{name}RealStorage", size), (f"{name}ObjectCount", count)]
