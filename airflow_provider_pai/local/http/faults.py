"""Faults on demand: the next answers of an operation are refused, late, unreadable or cut off.

Requests are counted here too, those that meet a fault among them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, QueryParams
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from airflow_provider_pai.local.http.response import ErrorResponse, error_response
from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.responses import error_document
from airflow_provider_pai.local.parsing import read_number

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Send

ANY = "*"
CUT = "airflow_provider_pai.cut"
"""Name in a request's ``scope["state"]`` of the function that cuts its connection."""


class FaultKind(StrEnum):
    """What can go wrong with an answer."""

    THROTTLE = "throttle"
    ERROR = "error"
    HTML = "html"
    SLOW = "slow"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"


@dataclass(frozen=True)
class Fault:
    """What the next answers of an operation suffer.

    Attributes:
        operation: such as ``GetTrainingJob`` (the request's ``x-acs-action``, or ``Action`` in its query), for OSS
            ``oss:GET``; ``*`` for any, OSS's among them.
        kind: ``throttle``: refused, too many requests. ``error``: refused, the service's own failure. ``html``: a
            proxy's HTML page. ``slow``: answered late. ``drop_before``: the connection is cut, nothing happened.
            ``drop_after``: the operation is executed, then the connection is cut without an answer.
        times: how many answers.
        status: HTTP status of an error; None for the service's usual one, or 502 (html).
        code: its error code; None for the service's usual one.
        retry_after_ms: value of the error's header ``x-acs-retry-after``, milliseconds; None for no header.
        delay_s: how late a slow answer is, seconds.
    """

    operation: str
    kind: FaultKind
    times: int = 1
    status: int | None = None
    code: str | None = None
    retry_after_ms: int | None = None
    delay_s: float = 1.0


class Faults:
    """The faults that are still to come and the requests so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Fault] = []
        self._counts: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Let the next answers suffer; faults of one operation come one after the other."""
        with self._lock:
            self._pending.append(fault)

    def pending(self) -> tuple[Fault, ...]:
        """Return what is still to come; ``times`` is what is left of each."""
        with self._lock:
            return tuple(self._pending)

    def clear(self) -> None:
        """Forget the faults that have not come yet."""
        with self._lock:
            self._pending.clear()

    def counts(self) -> dict[str, int]:
        """Return how many requests each operation got, whatever came of them."""
        with self._lock:
            return dict(self._counts)

    def sizes(self) -> dict[str, int]:
        """Return how many bytes the bodies of each operation's requests had, by what the requests said of them."""
        with self._lock:
            return dict(+self._sizes)

    def reset_counts(self) -> None:
        """Count from zero."""
        with self._lock:
            self._counts.clear()
            self._sizes.clear()

    def record_request(self, operation: str, size: int = 0) -> Fault | None:
        """Count one request, with a body of so many bytes; return the fault that it meets, None for none."""
        with self._lock:
            self._counts[operation] += 1
            self._sizes[operation] += size
            for index, fault in enumerate(self._pending):
                if fault.operation in (operation, ANY):
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._pending[index : index + 1] = left
                    return fault
            return None


@dataclass(frozen=True)
class WireProtocol:
    """How a service names its requests and how it refuses.

    Attributes:
        operation: names the operation of a request.
        refuse: builds an error response, with further headers.
        throttled: status and code when there are too many requests.
    """

    operation: Callable[[Scope], str]
    refuse: Callable[[ErrorResponse, Scope, Mapping[str, str]], Response]
    throttled: tuple[int, str]


def _pai_operation(scope: Scope) -> str:
    """Return what the request says it is for, in a header or as RPC requests do; empty when it says nothing."""
    named = Headers(scope=scope).get("x-acs-action", "")
    return named or QueryParams(scope["query_string"]).get("Action", "")


def _refuse_as_pai(error: ErrorResponse, scope: Scope, headers: Mapping[str, str]) -> Response:
    return error_response(error, Headers(scope=scope).get("host", ""), headers)


def _refuse_as_oss(error: ErrorResponse, scope: Scope, headers: Mapping[str, str]) -> Response:
    oss_error = OSSErrorResponse(error.status, error.code, error.message, headers=headers)
    return error_document(oss_error, Headers(scope=scope).get("host", ""), head=scope["method"] == "HEAD")


PAI = WireProtocol(_pai_operation, _refuse_as_pai, (400, "Throttling.User"))
OSS = WireProtocol(lambda scope: f"oss:{scope['method']}", _refuse_as_oss, (503, "DownloadTrafficRateLimitExceeded"))


class FaultInjector:
    """ASGI middleware that lets requests meet the faults waiting for them."""

    def __init__(self, app: ASGIApp, faults: Faults, protocol: WireProtocol = PAI) -> None:
        """Stand before an application.

        Args:
            app: what answers.
            faults: what is to come.
            protocol: how the application names requests and refuses.
        """
        self._app = app
        self._faults = faults
        self._protocol = protocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail to in the way that was asked for."""
        size = Headers(scope=scope).get("content-length", "")
        fault = self._faults.record_request(self._protocol.operation(scope), read_number(size) or 0)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.delay_s)
            await self._app(scope, receive, send)
        elif fault.kind is FaultKind.DROP_BEFORE:
            await _drain(receive)
            await _cut(scope, receive)
        elif fault.kind is FaultKind.DROP_AFTER:
            await self._app(scope, receive, _send_nothing)
            await _cut(scope, receive)
        else:
            await self._refusal(fault, scope)(scope, receive, send)

    def _refusal(self, fault: Fault, scope: Scope) -> Response:
        if fault.kind is FaultKind.HTML:
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", fault.status or 502)
        usual = self._protocol.throttled if fault.kind is FaultKind.THROTTLE else (503, "ServiceUnavailable")
        error = ErrorResponse(fault.status or usual[0], fault.code or usual[1], "This fault was asked for.")
        headers = {} if fault.retry_after_ms is None else {"x-acs-retry-after": str(fault.retry_after_ms)}
        return self._protocol.refuse(error, scope, headers)


async def _send_nothing(_: Message) -> None:
    """Swallow a part of an answer that is not to arrive."""


async def _drain(receive: Receive) -> None:
    """Read the whole request, so that its sender has sent all of it when the connection ends."""
    while (await receive()).get("more_body", False):
        pass


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer, and wait until the server has noticed.

    An application that simply returns, or raises, makes the server answer with a 500.
    """
    scope["state"][CUT]()
    while (await receive())["type"] != "http.disconnect":
        pass
