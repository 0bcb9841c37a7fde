"""The routes below ``/_local/``: what a test or a person does to a local PAI and can't do to the cloud.

They need no signature but the token that is in the server's folder, which jobs and services don't see, and they answer
to programs of this machine only: the request must come from a loopback address, name a loopback host (a web page
under a name that resolves to this machine sends that name), and carry no ``Origin``, which browsers add to what a page
sends elsewhere.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.http.faults import Fault, FaultKind, Faults
from airflow_provider_pai.local.http.response import ErrorResponse, error_response, json_response
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.training.status import JobStatus

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/_local"
_MAX_SECONDS = 10 * 365 * 24 * 3600
_MAX_BODY = 64 * 1024


class Approvals(Protocol):
    """Registered models as people see them, and their decisions."""

    def table(self) -> Sequence[Mapping[str, str]]:
        """Return all models in short, oldest first."""

    def shown(self, name: str) -> Mapping[str, Any]:
        """Return a model with its versions; raises an error when there is none of this name."""

    def decide(self, name: str, version_name: str, status: str, *, by: str, reason: str) -> Mapping[str, Any]:
        """Approve or reject a version; raises an error when that can't be."""


@dataclass(frozen=True)
class Controls:
    """What the routes act on.

    Attributes:
        clock: the server's clock.
        faults: the faults to come, and the requests so far.
        health: how the server is doing, as a JSON object.
        jobs: all jobs in short, oldest first.
        services: all services in short, oldest first.
        reset: forget everything, as after the first start.
        lag: let the list of jobs lag by some seconds.
        move: put a job into a status, with reason code and message; raises a error when that can't be.
        approvals: makes registered models, and decisions on their versions.
    """

    clock: Clock
    faults: Faults
    health: Callable[[], Mapping[str, Any]]
    jobs: Callable[[], Sequence[Mapping[str, str]]]
    services: Callable[[], Sequence[Mapping[str, str]]]
    reset: Callable[[], None]
    lag: Callable[[float], None]
    move: Callable[[str, JobStatus, str, str], None]
    approvals: Callable[[], Approvals]


class AdminGuard:
    """ASGI middleware that refuses requests without the token, from elsewhere and from web pages."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        if not (is_loopback(client) and is_loopback(_host_name(headers)) and "origin" not in headers):
            error = ErrorResponse(403, "Forbidden", f"{PATH} answers to programs of this machine only.")
        elif not hmac.compare_digest(headers.get("authorization", "").encode(), self._expected):
            error = ErrorResponse(401, "Unauthorized", f"{PATH} needs the token in the server's folder.")
        else:
            await self._app(scope, receive, send)
            return
        await error_response(error, headers.get("host", ""))(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own; any other name is not, whatever it resolves to."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def admin_route(controls: Controls, token: str) -> Mount:
    """Return everything below ``/_local/``, for requests that show a token."""
    admin = _Admin(controls)
    routes = [
        Route("/health", admin.health, methods=["GET"]),
        Route("/reset", admin.reset, methods=["POST"]),
        Route("/faults", admin.faults, methods=["GET"]),
        Route("/faults", admin.add_fault, methods=["POST"]),
        Route("/faults", admin.clear_faults, methods=["DELETE"]),
        Route("/counters", admin.counters, methods=["GET"]),
        Route("/counters", admin.clear_counters, methods=["DELETE"]),
        Route("/list-lag", admin.set_list_lag, methods=["POST"]),
        Route("/clock", admin.move_clock, methods=["POST"]),
        Route("/jobs", admin.jobs, methods=["GET"]),
        Route("/services", admin.services, methods=["GET"]),
        Route("/models", admin.models, methods=["GET"]),
        Route("/model", admin.model, methods=["GET"]),
        Route("/model/decision", admin.decide, methods=["POST"]),
        Route("/jobs/{TrainingJobId}/status", admin.move_job, methods=["POST"]),
    ]
    handlers = {ErrorResponse: _handle_error, HTTPException: _handle_error}
    app = Starlette(routes=routes, middleware=[Middleware(AdminGuard, token=token)], exception_handlers=handlers)
    return Mount(PATH, app)


@dataclass(frozen=True)
class _Admin:
    controls: Controls

    def health(self, _: Request) -> Response:
        return json_response(self.controls.health())

    def jobs(self, _: Request) -> Response:
        return json_response({"jobs": self.controls.jobs()})

    def services(self, _: Request) -> Response:
        return json_response({"services": self.controls.services()})

    def reset(self, _: Request) -> Response:
        self.controls.reset()
        return json_response({})

    def faults(self, _: Request) -> Response:
        return json_response({"faults": [asdict(fault) for fault in self.controls.faults.pending()]})

    async def add_fault(self, request: Request) -> Response:
        self.controls.faults.add(_fault(await _read_body(request)))
        return json_response({})

    def clear_faults(self, _: Request) -> Response:
        self.controls.faults.clear()
        return json_response({})

    def counters(self, _: Request) -> Response:
        faults = self.controls.faults
        return json_response({"counters": faults.counts(), "bytes": faults.sizes()})

    def clear_counters(self, _: Request) -> Response:
        self.controls.faults.reset_counts()
        return json_response({})

    async def set_list_lag(self, request: Request) -> Response:
        self.controls.lag(_seconds(await _read_body(request), "seconds", least=0))
        return json_response({})

    async def move_clock(self, request: Request) -> Response:
        offset = _seconds(await _read_body(request), "offset_seconds", least=-_MAX_SECONDS)
        self.controls.clock.move_to(timedelta(seconds=offset))
        return json_response({"now": self.controls.clock.now().isoformat()})

    async def move_job(self, request: Request) -> Response:
        body = await _read_body(request)
        if body.get("Status") not in list(JobStatus):
            raise _invalid("Status", f"one of {', '.join(JobStatus)}")
        status, job_id = JobStatus(body["Status"]), request.path_params["TrainingJobId"]
        code, message = _text(body, "ReasonCode"), _text(body, "ReasonMessage")
        await run_in_threadpool(self.controls.move, job_id, status, code, message)
        return json_response({})

    def models(self, _: Request) -> Response:
        return json_response({"models": self.controls.approvals().table()})

    async def model(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        return json_response(await run_in_threadpool(self.controls.approvals().shown, name))

    async def decide(self, request: Request) -> Response:
        body = await _read_body(request)
        name, version, status = (_text(body, member) for member in ("model", "version", "status"))
        given = {member: _text(body, member) for member in ("by", "reason")}
        await run_in_threadpool(partial(self.controls.approvals().decide, name, version, status, **given))
        return json_response({})


def _handle_error(request: Request, error: Exception) -> Response:
    host = request.headers.get("host", "")
    if isinstance(error, HTTPException):
        return error_response(
            ErrorResponse(error.status_code, "InvalidAction.NotFound", "There is no such control."), host
        )
    if isinstance(error, ErrorResponse):
        return error_response(error, host)
    raise error


def _host_name(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _invalid(name: str, expected: str) -> ErrorResponse:
    return ErrorResponse(400, "InvalidParameter", f"{name} is invalid: it must be {expected}.")


async def _read_body(request: Request) -> dict[str, Any]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BODY:
            raise ErrorResponse(413, "RequestEntityTooLarge", f"The body is larger than {_MAX_BODY} bytes.")
    try:
        body = read_json(bytes(content))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _invalid("The body", "a JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise _invalid(name, "a text")
    return value


def _seconds(body: Mapping[str, Any], name: str, least: float) -> float:
    value = body.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= _MAX_SECONDS:
        raise _invalid(name, f"a number of seconds from {least} to {_MAX_SECONDS}")
    return float(value)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


_FAULT_MEMBERS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "operation": (lambda value: isinstance(value, str) and bool(value), "an operation's name, or *"),
    "kind": (lambda value: value in list(FaultKind), f"one of {', '.join(FaultKind)}"),
    "times": (lambda value: _is_whole(value, 1, 1_000_000), "a number of answers from 1 to 1,000,000"),
    "status": (lambda value: value is None or _is_whole(value, 400, 599), "an HTTP status from 400 to 599"),
    "code": (lambda value: value is None or (isinstance(value, str) and bool(value)), "an error code"),
    "retry_after_ms": (lambda value: value is None or _is_whole(value, 1, 3_600_000), "milliseconds, from 1"),
    "delay_s": (
        lambda value: _is_whole(value, 0, 3600) or (isinstance(value, float) and 0 <= value <= 3600),
        "seconds",
    ),
}


def _fault(body: Mapping[str, Any]) -> Fault:
    """Read a fault: the members of :class:`Fault`, of which ``operation`` and ``kind`` are required."""
    if unknown := sorted(body.keys() - _FAULT_MEMBERS.keys()):
        raise ErrorResponse(400, "InvalidParameter", f"A fault has no {', '.join(unknown)}.")
    for name, (is_right, expected) in _FAULT_MEMBERS.items():
        if (name in body or name in ("operation", "kind")) and not is_right(body.get(name)):
            raise _invalid(name, expected)
    return Fault(**{**body, "kind": FaultKind(body["kind"])})
