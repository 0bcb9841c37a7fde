"""The gate of local PAI's services: who signed, was it sent before, is there such an operation.

Codes and messages are those of Alibaba Cloud's API gateway; ``InvalidAction.NotFound``, ``InvalidVersion`` and
``SignatureNonceUsed`` with their statuses, and the limit of a body with its code, are [inferred]. A refused security
token has status 400, as most products of the vendor list it; some list 403.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request

from airflow_provider_pai.api import signing
from airflow_provider_pai.local.http.operations import operations_of
from airflow_provider_pai.local.http.query_names import RPC_VERSION, unknown_name
from airflow_provider_pai.local.http.response import ErrorResponse, error_response
from airflow_provider_pai.local.http.schemes import verify
from airflow_provider_pai.local.http.signed import Signed
from airflow_provider_pai.local.keys import KeyRing, TokenProblem
from airflow_provider_pai.local.parsing import read_number

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 10 * 1024 * 1024
_NONCE_LIFETIME = 2 * signing.CLOCK_TOLERANCE
_MAX_NONCES = 100_000
_WITHOUT_BODY = ("DELETE", "GET", "HEAD")
_ACTIONS_WITHOUT_BODY = ("RestartService", "StartService", "StopService", "StopTrainingJob")
_NOTHING = (b"", b"null", b"{}")

_TOKEN_ERRORS: Mapping[TokenProblem, tuple[str, str]] = {
    TokenProblem.MISSING: ("MissingSecurityToken", "SecurityToken is mandatory for this action."),
    TokenProblem.UNKNOWN: ("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."),
    TokenProblem.MISMATCHED: (
        "InvalidSecurityToken.MismatchWithAccessKey",
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    TokenProblem.EXPIRED: ("InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
}


class Nonces:
    """Remembers the nonces of answered requests for as long as a replay would still be in time."""

    def __init__(self, limit: int = _MAX_NONCES) -> None:
        """Remember nothing yet.

        Args:
            limit: how many are remembered at most; the oldest are forgotten first.
        """
        self._limit = limit
        self._seen: dict[tuple[str, str], datetime] = {}

    def use(self, access_key_id: str, nonce: str, now: datetime) -> bool:
        """Remember a nonce; False when it was used before."""
        self._forget(now)
        key = access_key_id, nonce
        if key in self._seen:
            return False
        self._seen[key] = now
        return True

    def _forget(self, now: datetime) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < self._limit and now - self._seen[oldest] <= _NONCE_LIFETIME:
                return
            del self._seen[oldest]


class Gateway:
    """ASGI middleware that lets signed requests for known operations pass and refuses all others.

    A request that passes has its :class:`Signed` as ``user``.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, now: Callable[[], datetime], max_body: int = MAX_BODY) -> None:
        """Stand before an application.

        Args:
            app: what answers the requests that pass.
            keys: the access keys that are let in.
            now: the server's time, aware of its zone.
            max_body: bytes of the largest body that is read.
        """
        self._app = app
        self._keys = keys
        self._now = now
        self._max_body = max_body
        self._nonces = Nonces()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request and pass it on with its body, or refuse it."""
        headers = Headers(scope=scope)
        try:
            content = await self._read_content(headers, Request(scope, receive))
            signed = self._authenticate(_signed_request(scope, headers, content))
            _check_operation(scope, signed)
            _check_body(scope["method"], signed, content)
        except ClientDisconnect:
            return
        except (ErrorResponse, signing.SignatureError) as error:
            answer = error_response(ErrorResponse(error.status, error.code, error.message), headers.get("host", ""))
            await answer(scope, receive, send)
            return
        await self._app({**scope, "user": signed}, _replay(content, receive), send)

    async def _read_content(self, headers: Headers, request: Request) -> bytes:
        """Read the body up to the limit, whatever length its header claims."""
        too_large = ErrorResponse(413, "RequestEntityTooLarge", f"The body is larger than {self._max_body} bytes.")
        claimed = read_number(headers.get("content-length", "0"))
        if claimed is None or claimed > self._max_body:
            raise too_large
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > self._max_body:
                raise too_large
        return bytes(content)

    def _authenticate(self, request: signing.Request) -> Signed:
        """Verify who sent a request, with a key that is let in, for the first time."""
        now = self._now()
        signed = verify(request, self._keys.secret_of, now)
        if problem := self._keys.token_problem(signed.access_key_id, signed.security_token):
            raise ErrorResponse(400, *_TOKEN_ERRORS[problem])
        if not self._nonces.use(signed.access_key_id, signed.nonce, now):
            raise ErrorResponse(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        return signed


def pai_app(routes: Sequence[BaseRoute], keys: KeyRing, now: Callable[[], datetime]) -> Starlette:
    """Return the application of all PAI services: routes behind the gateway, every error in PAI's shape.

    Args:
        routes: what answers the operations.
        keys: the access keys that are let in.
        now: the server's time, aware of its zone.
    """
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gateway, keys=keys, now=now)],
        exception_handlers={
            ErrorResponse: _handle_error_response,
            HTTPException: _handle_not_found,
            Exception: _handle_exception,
        },
    )
    # A redirect to the path with a slash would need another signature.
    app.router.redirect_slashes = False
    return app


def _signed_request(scope: Scope, headers: Headers, content: bytes) -> signing.Request:
    # Official clients write a space of the query as "+" and sign it as "%20": only the decoded value is certain.
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return signing.Request(scope["method"], _path(scope), query, headers.items(), content)


def _path(scope: Scope) -> str:
    """Return the path as it was on the wire, percent-encoded."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def _check_operation(scope: Scope, signed: Signed) -> None:
    found = operations_of(scope["method"], _path(scope))
    served = [operation for operation in found if operation.service.version == signed.version]
    if found and not served:
        raise ErrorResponse(404, "InvalidVersion", "Specified parameter Version is not valid.")
    if signed.action not in {operation.action for operation in served}:
        raise _no_such_operation()
    names = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]
    if repeated := next((name for name in names if names.count(name) > 1), ""):
        message = f"The parameter {repeated} is invalid: it may be given once."
        raise ErrorResponse(400, "InvalidParameter", message)
    if name := unknown_name(signed.version, signed.action, names):
        message = f"The parameter {name} is not supported: {signed.action} of local PAI has no such parameter."
        raise ErrorResponse(400, "InvalidParameter", message)


def _check_body(method: str, signed: Signed, content: bytes) -> None:
    """Refuse a body that no operation of its kind reads, so that it is not forgotten; an empty one says nothing."""
    reads = method not in _WITHOUT_BODY and signed.action not in _ACTIONS_WITHOUT_BODY
    if content.strip() not in _NOTHING and not reads and signed.version != RPC_VERSION:
        raise ErrorResponse(400, "InvalidParameter", f"The body is not supported: {signed.action} has no body.")


def _no_such_operation() -> ErrorResponse:
    return ErrorResponse(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")


def _replay(content: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body that was read already, and after it whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def _handle_error_response(request: Request, error: Exception) -> Response:
    if not isinstance(error, ErrorResponse):
        raise error
    return error_response(error, _host(request))


def _handle_not_found(request: Request, error: Exception) -> Response:
    """Answer for a known operation that no route serves."""
    if not isinstance(error, HTTPException):
        raise error
    unknown = _no_such_operation() if error.status_code in (404, 405) else None
    return error_response(unknown or ErrorResponse(error.status_code, "BadRequest", error.detail), _host(request))


def _handle_exception(request: Request, _: Exception) -> Response:
    """Answer for an unexpected exception; Starlette raises it again, and the server logs it.

    The server then ends the connection, so the answer tells the client not to send its next request on it.
    """
    message = "The request processing has failed due to some unknown error."
    return error_response(ErrorResponse(500, "InternalError", message), _host(request), {"connection": "close"})
