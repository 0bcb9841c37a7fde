"""The operations of local OSS, and which of them a request is.

An operation names the parameters and headers that it reads. A request is the operation whose selecting parameters it
has; what the operation does not read is refused by name, so that a sub-resource which local OSS does not know never
runs another operation. Names, parameters and headers are those of oss2 2.19.1, alibabacloud-oss-v2 1.4.1 and OSS's API
reference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.responses import Response

from airflow_provider_pai.local.oss import (
    attribute_routes,
    bucket_routes,
    copy_routes,
    listing_routes,
    object_routes,
    upload_routes,
)
from airflow_provider_pai.local.oss.auth import presigning_parameters
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, method_not_allowed, not_implemented
from airflow_provider_pai.local.oss.request import RequestContext
from airflow_provider_pai.local.oss.signing import OSSRequest

Handler = Callable[[RequestContext], Awaitable[Response]]


class Level(StrEnum):
    """What a request addresses."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


class PublicAccess(StrEnum):
    """Which right of a public ACL lets a request without a signature pass."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class OssOperation:
    """An operation and all that it reads of a request beside its body.

    Attributes:
        name: its name in OSS's API reference.
        level: what it addresses.
        method: HTTP method.
        handler: carries it out.
        selectors: parameters that a request for it has, with the value they must have; None for any value.
        parameters: further parameters that it reads.
        headers: the ``x-oss-`` headers that it takes beside those of every operation.
        source: whether a request for it has the header ``x-oss-copy-source``.
        conditional: whether it reads ``If-Match`` and its kin.
        public: what lets it pass without a signature.
    """

    name: str
    level: Level
    method: str
    handler: Handler
    selectors: Mapping[str, str | None] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    source: bool = False
    conditional: bool = False
    public: PublicAccess = PublicAccess.NONE

    def is_selected(self, request: OSSRequest) -> bool:
        """Tell whether a request has what selects this operation."""
        if (self.method, self.level) != (request.method, level_of(request)):
            return False
        if self.source and _SOURCE not in request.headers:
            return False
        return all(
            name in request.query and value in (None, request.query[name]) for name, value in self.selectors.items()
        )


def _any(*names: str) -> dict[str, str | None]:
    return dict.fromkeys(names)


_SOURCE = copy_routes.SOURCE_HEADER
_META = "x-oss-meta-"
_COMMON_HEADERS = frozenset({"x-oss-date", "x-oss-content-sha256", "x-oss-security-token", "x-oss-request-payer"})
_CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
_CHANGING = frozenset({"PUT", "POST", "DELETE"})
_LIMIT = "x-oss-traffic-limit"
_STORED = frozenset(
    {_META, "x-oss-forbid-overwrite", "x-oss-object-acl", "x-oss-storage-class", "x-oss-tagging"},
)
# Clients of the vendor repeat what they say about an object in all requests of its upload, and a limit in all of a
# transfer; each counts where it means something.
_REPEATED = _STORED | {"x-oss-complete-all"}
_COPY_CONDITIONS = frozenset(f"{_SOURCE}-{name}" for name in _CONDITIONS)
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
_VALUES: Mapping[str, frozenset[str]] = {
    "x-oss-complete-all": frozenset({"yes"}),
    "x-oss-forbid-overwrite": frozenset({"true", "false"}),
    "x-oss-metadata-directive": frozenset({"COPY", "REPLACE"}),
    "x-oss-range-behavior": frozenset({"standard"}),
    "x-oss-request-payer": frozenset({"requester"}),
    "x-oss-tagging-directive": frozenset({"COPY", "REPLACE"}),
}
_MAX_NAME_SHOWN = 100

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


def level_of(request: OSSRequest) -> Level:
    """Return what a request addresses."""
    return Level.OBJECT if request.key else Level.BUCKET if request.bucket else Level.SERVICE


def find_operation(request: OSSRequest) -> OssOperation | None:
    """Return the operation that a request selects; of several the one with the most selectors."""
    selected = [operation for operation in OPERATIONS if operation.is_selected(request)]
    return max(selected, key=lambda operation: (len(operation.selectors), operation.source), default=None)


def require_operation(request: OSSRequest) -> OssOperation:
    """Return the operation that a request selects, which reads all that the request says.

    Raises:
        OSSErrorResponse: MethodNotAllowed; NotImplemented: a parameter or header that the operation does not read;
            InvalidArgument: a header with a value that it can't have.
    """
    operation = find_operation(request)
    if operation is None:
        raise _unknown(request)
    known = {*operation.selectors, *operation.parameters, *presigning_parameters(request)}
    for name in sorted(request.query.keys() - known):
        raise not_implemented(f"the parameter {name[:_MAX_NAME_SHOWN]} of {operation.name}")
    for name, value in request.headers.items():
        _check_header(operation, name, value)
    return operation


def _unknown(request: OSSRequest) -> OSSErrorResponse:
    asked = sorted(request.query.keys() - presigning_parameters(request))
    if asked:
        names = ", ".join(asked)[:_MAX_NAME_SHOWN]
        return not_implemented(f"{request.method} of a {level_of(request)} with {names}")
    return method_not_allowed(request.method)


def _check_header(operation: OssOperation, name: str, value: str) -> None:
    if name in _CONDITIONS and operation.method in _CHANGING and not operation.conditional:
        raise not_implemented(f"the header {name} of {operation.name}")
    if not name.startswith("x-oss-") or (name in _COMMON_HEADERS and name not in _VALUES):
        return
    kind = _META if name.startswith(_META) else name
    if kind not in operation.headers | _COMMON_HEADERS:
        raise not_implemented(f"the header {name[:_MAX_NAME_SHOWN]} of {operation.name}")
    allowed = _VALUES.get(name)
    if allowed is not None and value not in allowed and value.upper() not in allowed and value.lower() not in allowed:
        raise OSSErrorResponse(
            400,
            "InvalidArgument",
            f"The header {name} must be one of {', '.join(sorted(allowed))}.",
            details={"ArgumentName": name, "ArgumentValue": value[:_MAX_NAME_SHOWN]},
        )
