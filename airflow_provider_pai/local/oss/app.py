"""The OSS service as an ASGI application: whom a request comes from, which operation it is, how it is refused."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_pai.local.oss.access import is_anonymous, is_public_request
from airflow_provider_pai.local.oss.addressing import base_hosts, bucket_of_host, read_request
from airflow_provider_pai.local.oss.auth import Credentials, TokenCheck, no_tokens, verify
from airflow_provider_pai.local.oss.dispatch import require_operation
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, disk_full
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.request import RequestBody, RequestContext
from airflow_provider_pai.local.oss.responses import error_document

_METHODS_WITH_BODY = frozenset({"PUT", "POST", "PATCH"})


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
                response = await require_operation(request).handler(context)
            except OSSErrorResponse as error:
                if scope["method"] in _METHODS_WITH_BODY:
                    await body.drain()
                response = error_document(error, _service_host(scope, hosts), head=scope["method"] == "HEAD")
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            if scope["method"] in _METHODS_WITH_BODY:
                await body.drain()
            response = error_document(disk_full(), _service_host(scope, hosts), head=False)
        except ClientDisconnect:
            return
        if _has_body(scope) and not body.is_finished:
            # What the client promised and was not read would be taken for its next request.
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    return ServerErrorMiddleware(Router(default=serve), handler=_internal_error)


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
