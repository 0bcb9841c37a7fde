"""The OSS service as an ASGI application: whom a request comes from, which operation it is, how it is refused."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_pai.local.oss import attribute_routes, bucket_routes, object_routes, upload_routes
from airflow_provider_pai.local.oss.access import is_anonymous, is_public_request
from airflow_provider_pai.local.oss.addressing import base_hosts, bucket_of_host, read_request
from airflow_provider_pai.local.oss.auth import Credentials, TokenCheck, no_tokens, verify
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, method_not_allowed, not_implemented
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.request import RequestBody, RequestContext
from airflow_provider_pai.local.oss.responses import error_document
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.oss.subresources import asked_for

Operation = Callable[[RequestContext], Awaitable[Response]]

_METHODS_WITH_BODY = frozenset({"PUT", "POST"})
_SERVICE, _BUCKET, _OBJECT = "service", "bucket", "object"

_OPERATIONS: Mapping[tuple[str, str, frozenset[str]], Operation] = {
    (_SERVICE, "GET", frozenset()): bucket_routes.list_buckets,
    (_BUCKET, "GET", frozenset()): bucket_routes.list_objects,
    (_BUCKET, "GET", frozenset({"acl"})): bucket_routes.get_bucket_acl,
    (_BUCKET, "PUT", frozenset({"acl"})): bucket_routes.put_bucket_acl,
    (_BUCKET, "GET", frozenset({"bucketInfo"})): bucket_routes.bucket_info,
    (_BUCKET, "GET", frozenset({"location"})): bucket_routes.bucket_location,
    (_BUCKET, "GET", frozenset({"uploads"})): bucket_routes.list_uploads,
    (_BUCKET, "PUT", frozenset()): bucket_routes.put_bucket,
    (_BUCKET, "DELETE", frozenset()): bucket_routes.delete_bucket,
    (_BUCKET, "POST", frozenset({"delete"})): bucket_routes.delete_objects,
    (_OBJECT, "PUT", frozenset()): object_routes.put_object,
    (_OBJECT, "GET", frozenset()): object_routes.get_object,
    (_OBJECT, "HEAD", frozenset()): object_routes.head_object,
    (_OBJECT, "GET", frozenset({"objectMeta"})): object_routes.get_object_meta,
    (_OBJECT, "HEAD", frozenset({"objectMeta"})): object_routes.get_object_meta,
    (_OBJECT, "DELETE", frozenset()): object_routes.delete_object,
    (_OBJECT, "POST", frozenset({"append", "position"})): object_routes.append_object,
    (_OBJECT, "GET", frozenset({"acl"})): attribute_routes.get_object_acl,
    (_OBJECT, "PUT", frozenset({"acl"})): attribute_routes.put_object_acl,
    (_OBJECT, "GET", frozenset({"tagging"})): attribute_routes.get_object_tagging,
    (_OBJECT, "PUT", frozenset({"tagging"})): attribute_routes.put_object_tagging,
    (_OBJECT, "DELETE", frozenset({"tagging"})): attribute_routes.delete_object_tagging,
    (_OBJECT, "GET", frozenset({"symlink"})): attribute_routes.get_symlink,
    (_OBJECT, "PUT", frozenset({"symlink"})): attribute_routes.put_symlink,
    (_OBJECT, "POST", frozenset({"uploads"})): upload_routes.start_upload,
    (_OBJECT, "PUT", frozenset({"uploadId", "partNumber"})): upload_routes.upload_part,
    (_OBJECT, "POST", frozenset({"uploadId"})): upload_routes.complete_upload,
    (_OBJECT, "GET", frozenset({"uploadId"})): upload_routes.list_parts,
    (_OBJECT, "DELETE", frozenset({"uploadId"})): upload_routes.abort_upload,
}

_ANY = None
_HONOURED_HEADERS: Mapping[str, frozenset[str] | None] = {
    "x-oss-acl": _ANY,
    "x-oss-complete-all": _ANY,
    "x-oss-content-sha256": _ANY,
    "x-oss-copy-source": _ANY,
    "x-oss-copy-source-if-match": _ANY,
    "x-oss-copy-source-if-modified-since": _ANY,
    "x-oss-copy-source-if-none-match": _ANY,
    "x-oss-copy-source-if-unmodified-since": _ANY,
    "x-oss-copy-source-range": _ANY,
    "x-oss-date": _ANY,
    "x-oss-forbid-overwrite": frozenset({"true", "false"}),
    "x-oss-metadata-directive": frozenset({"COPY", "REPLACE"}),
    "x-oss-object-acl": _ANY,
    "x-oss-range-behavior": _ANY,
    "x-oss-request-payer": _ANY,
    "x-oss-security-token": _ANY,
    "x-oss-storage-class": frozenset({"Standard"}),
    "x-oss-symlink-target": _ANY,
    "x-oss-tagging": _ANY,
    "x-oss-tagging-directive": frozenset({"Copy", "Replace", "COPY", "REPLACE"}),
}


def oss_app(
    store: ObjectStore,
    credentials: Credentials,
    region_id: str,
    clock: Callable[[], float] = time.time,
    token_problem: TokenCheck = no_tokens,
) -> ASGIApp:
    """Return the OSS service of a store.

    Path style (``/bucket/key``) works on every host, virtual-host style on ``<bucket>.`` in front of the hosts of
    :func:`airflow_provider_pai.local.oss.addressing.base_hosts`.

    Args:
        store: the objects.
        credentials: access key id -> secret, or None for an unknown key.
        region_id: region it plays; V4 signatures must name it.
        clock: seconds since the epoch, for skew and expiry of signatures.
        token_problem: what is wrong with a key's security token; by default no token is accepted.
    """
    hosts = base_hosts(region_id)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        body = RequestBody(receive)
        try:
            try:
                request = read_request(scope, hosts)
                if not is_anonymous(request) or not await run_in_threadpool(is_public_request, store, request):
                    verify(request, credentials, region_id, clock(), token_problem)
                context = RequestContext(request, body, store, region_id, _service_host(scope, hosts), clock)
                response = await _operation(request)(context)
            except OSSErrorResponse as error:
                if scope["method"] in _METHODS_WITH_BODY:
                    await body.drain()
                response = error_document(error, _service_host(scope, hosts), head=scope["method"] == "HEAD")
        except ClientDisconnect:
            return
        if _has_body(scope) and not body.is_finished:
            # What the client promised and nobody read would be taken for its next request.
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    return ServerErrorMiddleware(Router(default=serve), handler=_internal_error)


def _operation(request: OSSRequest) -> Operation:
    """Find the operation, and refuse what it could not honour."""
    level = _OBJECT if request.key else _BUCKET if request.bucket else _SERVICE
    asked = asked_for(request.query)
    operation = _OPERATIONS.get((level, request.method, asked))
    if operation is None and asked:
        raise not_implemented(f"{request.method} of a {level} with {', '.join(sorted(asked))}")
    if operation is None:
        raise method_not_allowed(request.method)
    _check_headers(request.headers)
    if operation is bucket_routes.list_objects and request.query.get("list-type") == "2":
        return bucket_routes.list_objects_v2
    return operation


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not name.startswith("x-oss-") or name.startswith("x-oss-meta-"):
            continue
        if name not in _HONOURED_HEADERS:
            raise not_implemented(f"the header {name}")
        values = _HONOURED_HEADERS[name]
        if values is not None and value not in values:
            raise not_implemented(f"{name}: {value}")


def _has_body(scope: Scope) -> bool:
    headers = Request(scope).headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _service_host(scope: Scope, hosts: tuple[str, ...]) -> str:
    host = Request(scope).headers.get("host", "")
    bucket = bucket_of_host(host, hosts)
    return host.removeprefix(bucket + ".") if bucket else host


async def _internal_error(request: Request, _error: Exception) -> Response:
    message = "We encountered an internal error. Please try again."
    host = request.headers.get("host", "")
    return error_document(OSSErrorResponse(500, "InternalError", message), host, head=request.method == "HEAD")
