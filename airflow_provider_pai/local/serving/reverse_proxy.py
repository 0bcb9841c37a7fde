"""The way in to services: passes requests on to instances, and answers back.

What EAS answers when an instance breaks a request off is not known; the words are those of Envoy, as EAS's
``no healthy upstream`` is [inferred].
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

import httpcore
from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.serving.admission import admits
from airflow_provider_pai.local.serving.prediction_route import PATH
from airflow_provider_pai.local.serving.routing import chosen, shares
from airflow_provider_pai.local.serving.upstreams import Upstream, Upstreams

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade"}
)
_END_TO_END = frozenset({b"content-length", b"content-type", b"content-encoding", b"host", b"date"})
"""Headers that no connection option takes away: without its length a body would be lost, or read as another request."""
_OURS = frozenset({b"authorization", b"expect"})
"""Headers that are meant for this proxy: the token, and whether the body is wanted, which it said itself."""
_UNREACHABLE = (httpcore.NetworkError, httpcore.TimeoutException, ConnectionRefusedError)

Headers = list[tuple[bytes, bytes]]


class ReverseProxy:
    """ASGI application for what lies below ``/api/predict``.

    Args:
        store: the services.
        upstreams: where requests can go.
        group_token: returns the token of a service group; None when there is no such group.
        by_weight: tells whether a group shares its traffic by weight, not by the number of instances.
        point: returns a number from 0 up to 1, which chooses among a group's services.
    """

    def __init__(
        self,
        store: ServiceStore,
        upstreams: Upstreams,
        group_token: Callable[[str], str | None] = lambda _: None,
        by_weight: Callable[[str], bool] = lambda _: True,
        point: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._group_token = group_token
        self._by_weight = by_weight
        self._point = point

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name, target = _target(scope)
        service = self._service(name)
        token = service.token if service else self._group_token(name)
        if token is None:
            await Response(status_code=404)(scope, receive, send)
        elif not admits(token, scope["method"], scope["raw_path"], scope["headers"]):
            refusal = JSONResponse({"code": "Unauthorized", "message": "Invalid token"}, 401)
            await refusal(scope, receive, send)
        elif not await self._forward(name if service else None, name, target, scope, receive, send):
            await PlainTextResponse("no healthy upstream", 503)(scope, receive, send)

    def _service(self, name: str) -> ServiceRecord | None:
        service = self._store.get(name)
        return None if service is None or service.wanted.deleted else service

    async def _forward(
        self, service: str | None, name: str, target: bytes, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Pass a request on; False when nothing could be reached, and nothing was answered."""
        tried: list[Upstream] = []
        while upstream := self._take(service, name, tried):
            tried.append(upstream)
            try:
                if await ProxiedRequest(upstream, target, scope, receive, send).forward():
                    return True
            finally:
                self._upstreams.give_back(upstream)
        return False

    def _take(self, service: str | None, group: str, tried: list[Upstream]) -> Upstream | None:
        if service is not None:
            return self._upstreams.take(service, tried)
        members = [each for each in self._store.members(group) if not each.wanted.deleted]
        weights = shares(members, self._upstreams.count, by_weight=self._by_weight(group))
        while (member := chosen(weights, self._point())) is not None:
            if found := self._upstreams.take(member, tried):
                return found
            del weights[member]
        return None


class ProxiedRequest:
    """One request on its way to one instance, and the answer back.

    Args:
        upstream: the instance.
        target: path and query for it.
        scope, receive, send: the request.
    """

    def __init__(self, upstream: Upstream, target: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        self._upstream = upstream
        self._target = target
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_read = asyncio.Event()
        self._begun = False

    async def forward(self) -> bool:
        """Do it; False when the instance could not be reached, and nothing was read or answered."""
        answer = asyncio.ensure_future(self._exchange())
        left = asyncio.ensure_future(self._wait_for_caller_to_leave())
        try:
            await asyncio.wait((answer, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answer, left):
                task.cancel()
            await asyncio.gather(answer, left, return_exceptions=True)
        return answer.cancelled() or answer.result()

    async def _exchange(self) -> bool:
        headers = _request_headers(self._scope["headers"])
        request = httpcore.Request(
            self._scope["method"],
            httpcore.URL(scheme=b"http", host=b"instance", port=80, target=self._target),
            headers=headers,
            content=self._body() if _has_body(headers) else None,
        )
        try:
            stream = await self._upstream.connector.connect()
        except _UNREACHABLE:
            return False
        # A connection for each request: one that is kept might be closed by the instance at the moment it is used.
        connection = httpcore.AsyncHTTP11Connection(httpcore.Origin(b"http", b"instance", 80), stream)
        try:
            await self._stream_back(await connection.handle_async_request(request))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            await self._answer_broken_off(error)
        finally:
            await connection.aclose()
        return True

    async def _stream_back(self, response: httpcore.Response) -> None:
        self._begun = True
        headers = _kept(response.headers)
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(response.stream, AsyncIterable):
            async for chunk in response.stream:
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer_broken_off(self, error: Exception) -> None:
        """Tell that the instance broke the request off; an answer that has begun can only be broken off as well."""
        logger.warning("instance %s broke a request off: %r", self._upstream.name, error)
        if self._begun:
            raise error
        text = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
        await PlainTextResponse(text, 503)(self._scope, self._receive, self._send)

    async def _body(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                self._body_read.set()
                return

    async def _wait_for_caller_to_leave(self) -> None:
        """Return when the caller does not wait for the answer any more."""
        if _has_body(_request_headers(self._scope["headers"])):
            await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _target(scope: Scope) -> tuple[str, bytes]:
    """Return the name of the service, and path and query for its instance, as they were on the wire."""
    rest = scope["raw_path"].removeprefix(PATH.encode() + b"/")
    name, slash, path = rest.partition(b"/")
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    return name.decode("latin-1"), (slash + path or b"/") + query


def _request_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    given = list(headers)
    kept = [(name, value) for name, value in _kept(given) if name not in _OURS]
    if any(name == b"transfer-encoding" for name, _ in given):
        return [(name, value) for name, value in kept if name != b"content-length"] + [
            (b"transfer-encoding", b"chunked")
        ]
    return kept


def _has_body(headers: Headers) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that are passed on: not those that concern one connection only."""
    given = [(name.lower(), value) for name, value in headers]
    named = {each.strip().lower() for name, value in given if name == b"connection" for each in value.split(b",")}
    dropped = (named - _END_TO_END) | _HOP_BY_HOP
    return [(name, value) for name, value in given if name not in dropped]
