"""The operations of local OSS.

Names, parameters and headers are those of oss2 2.19.1, alibabacloud-oss-v2 1.4.1 and OSS's API reference.
"""

from __future__ import annotations

from airflow_provider_pai.local.oss import (
    attribute_routes,
    bucket_routes,
    copy_routes,
    listing_routes,
    object_routes,
    upload_routes,
)
from airflow_provider_pai.local.oss.operation import Level, OssOperation, PublicAccess
from airflow_provider_pai.local.oss.user_metadata import META


def _any(*names: str) -> dict[str, str | None]:
    return dict.fromkeys(names)


_SOURCE = copy_routes.SOURCE_HEADER
CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
_LIMIT = "x-oss-traffic-limit"
_STORED = frozenset(
    {META, "x-oss-forbid-overwrite", "x-oss-object-acl", "x-oss-storage-class", "x-oss-tagging"},
)
# Clients of the vendor repeat what they say about an object in all requests of its upload, and a limit in all of a
# transfer; each counts where it means something.
_REPEATED = _STORED | {"x-oss-complete-all"}
_COPY_CONDITIONS = frozenset(f"{_SOURCE}-{name}" for name in CONDITIONS)
_OVERRIDES = frozenset(
    f"response-{name}"
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
)
_PAGES = frozenset({"prefix", "delimiter", "max-keys", "encoding-type"})

OPERATIONS = (
    OssOperation(
        "ListBuckets",
        Level.SERVICE,
        "GET",
        bucket_routes.list_buckets,
        parameters=frozenset({"prefix", "marker", "max-keys"}),
    ),
    OssOperation(
        "ListObjects",
        Level.BUCKET,
        "GET",
        listing_routes.list_objects,
        parameters=_PAGES | {"marker"},
        public=PublicAccess.READ,
    ),
    OssOperation(
        "ListObjectsV2",
        Level.BUCKET,
        "GET",
        listing_routes.list_objects_v2,
        {"list-type": "2"},
        _PAGES | {"start-after", "continuation-token", "fetch-owner"},
        public=PublicAccess.READ,
    ),
    OssOperation(
        "ListMultipartUploads",
        Level.BUCKET,
        "GET",
        listing_routes.list_uploads,
        _any("uploads"),
        frozenset({"prefix", "delimiter", "encoding-type", "key-marker", "upload-id-marker", "max-uploads"}),
    ),
    OssOperation(
        "ListLiveChannel",
        Level.BUCKET,
        "GET",
        listing_routes.list_live_channels,
        _any("live"),
        frozenset({"prefix", "marker", "max-keys"}),
    ),
    OssOperation("PutBucket", Level.BUCKET, "PUT", bucket_routes.put_bucket, headers=frozenset({"x-oss-acl"})),
    OssOperation("DeleteBucket", Level.BUCKET, "DELETE", bucket_routes.delete_bucket),
    OssOperation("GetBucketAcl", Level.BUCKET, "GET", bucket_routes.get_bucket_acl, _any("acl")),
    OssOperation(
        "PutBucketAcl",
        Level.BUCKET,
        "PUT",
        bucket_routes.put_bucket_acl,
        _any("acl"),
        headers=frozenset({"x-oss-acl"}),
    ),
    OssOperation("GetBucketInfo", Level.BUCKET, "GET", bucket_routes.get_bucket_info, _any("bucketInfo")),
    OssOperation("GetBucketLocation", Level.BUCKET, "GET", bucket_routes.get_bucket_location, _any("location")),
    OssOperation("GetBucketStat", Level.BUCKET, "GET", bucket_routes.get_bucket_stat, _any("stat")),
    OssOperation(
        "DeleteMultipleObjects",
        Level.BUCKET,
        "POST",
        bucket_routes.delete_objects,
        _any("delete"),
        frozenset({"encoding-type"}),
    ),
    OssOperation(
        "PutObject",
        Level.OBJECT,
        "PUT",
        object_routes.put_object,
        parameters=frozenset({_LIMIT}),
        headers=_STORED | {_LIMIT},
        public=PublicAccess.WRITE,
    ),
    OssOperation(
        "CopyObject",
        Level.OBJECT,
        "PUT",
        copy_routes.copy_object,
        parameters=frozenset({_LIMIT}),
        headers=_STORED | _COPY_CONDITIONS | {_SOURCE, _LIMIT, "x-oss-metadata-directive", "x-oss-tagging-directive"},
        source=True,
    ),
    OssOperation(
        "GetObject",
        Level.OBJECT,
        "GET",
        object_routes.get_object,
        parameters=_OVERRIDES | {_LIMIT},
        headers=frozenset({_LIMIT, "x-oss-range-behavior", "x-oss-forbid-overwrite"}),
        conditional=True,
        public=PublicAccess.READ,
    ),
    OssOperation(
        "HeadObject",
        Level.OBJECT,
        "HEAD",
        object_routes.head_object,
        parameters=_OVERRIDES,
        headers=frozenset({_LIMIT}),
        conditional=True,
        public=PublicAccess.READ,
    ),
    *(
        OssOperation(
            "GetObjectMeta",
            Level.OBJECT,
            method,
            object_routes.get_object_meta,
            _any("objectMeta"),
            public=PublicAccess.READ,
        )
        for method in ("GET", "HEAD")
    ),
    OssOperation("DeleteObject", Level.OBJECT, "DELETE", object_routes.delete_object, public=PublicAccess.WRITE),
    OssOperation(
        "AppendObject",
        Level.OBJECT,
        "POST",
        object_routes.append_object,
        _any("append", "position"),
        frozenset({_LIMIT}),
        _STORED - {"x-oss-forbid-overwrite"} | {_LIMIT},
        public=PublicAccess.WRITE,
    ),
    OssOperation("RestoreObject", Level.OBJECT, "POST", object_routes.restore_object, _any("restore")),
    OssOperation("GetObjectAcl", Level.OBJECT, "GET", attribute_routes.get_object_acl, _any("acl")),
    OssOperation(
        "PutObjectAcl",
        Level.OBJECT,
        "PUT",
        attribute_routes.put_object_acl,
        _any("acl"),
        headers=frozenset({"x-oss-object-acl"}),
    ),
    OssOperation("GetObjectTagging", Level.OBJECT, "GET", attribute_routes.get_object_tagging, _any("tagging")),
    OssOperation("PutObjectTagging", Level.OBJECT, "PUT", attribute_routes.put_object_tagging, _any("tagging")),
    OssOperation(
        "DeleteObjectTagging", Level.OBJECT, "DELETE", attribute_routes.delete_object_tagging, _any("tagging")
    ),
    OssOperation(
        "GetSymlink",
        Level.OBJECT,
        "GET",
        attribute_routes.get_symlink,
        _any("symlink"),
        public=PublicAccess.READ,
    ),
    OssOperation(
        "PutSymlink",
        Level.OBJECT,
        "PUT",
        attribute_routes.put_symlink,
        _any("symlink"),
        headers=_STORED | {"x-oss-symlink-target"},
        public=PublicAccess.WRITE,
    ),
    OssOperation(
        "InitiateMultipartUpload",
        Level.OBJECT,
        "POST",
        upload_routes.start_upload,
        _any("uploads"),
        frozenset({"encoding-type", "sequential"}),
        _STORED | {_LIMIT},
        public=PublicAccess.WRITE,
    ),
    OssOperation(
        "UploadPart",
        Level.OBJECT,
        "PUT",
        upload_routes.upload_part,
        _any("uploadId", "partNumber"),
        frozenset({_LIMIT}),
        _REPEATED | {_LIMIT},
        public=PublicAccess.WRITE,
    ),
    OssOperation(
        "UploadPartCopy",
        Level.OBJECT,
        "PUT",
        upload_routes.upload_part_copy,
        _any("uploadId", "partNumber"),
        frozenset({_LIMIT}),
        _REPEATED | _COPY_CONDITIONS | {_SOURCE, f"{_SOURCE}-range", _LIMIT},
        source=True,
    ),
    OssOperation(
        "CompleteMultipartUpload",
        Level.OBJECT,
        "POST",
        upload_routes.complete_upload,
        _any("uploadId"),
        frozenset({"encoding-type"}),
        _REPEATED,
        public=PublicAccess.WRITE,
    ),
    OssOperation(
        "ListParts",
        Level.OBJECT,
        "GET",
        upload_routes.list_parts,
        _any("uploadId"),
        frozenset({"encoding-type", "max-parts", "part-number-marker"}),
        _REPEATED,
    ),
    OssOperation(
        "AbortMultipartUpload",
        Level.OBJECT,
        "DELETE",
        upload_routes.abort_upload,
        _any("uploadId"),
        headers=_REPEATED,
        public=PublicAccess.WRITE,
    ),
)
