"""One value per API operation: what to ask and how to read the answer."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from airflow_provider_pai.api.answer import IncompleteAnswerError
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    NotFoundError,
    PAIError,
    ProtocolError,
    ServerError,
    SpecError,
    ThrottledError,
)
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import kind, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_pai.api.endpoints import Service

T = TypeVar("T")

_AUTH_CODES = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "InvalidSecurityToken",
    "Forbidden",
    "NoPermission",
    "AccessDenied",
)
_NO_CONTENT = 204
NO_JSON = "can't be JSON: give texts in UTF-8, finite numbers, booleans, lists, and dicts with texts as names"
_UNWRITABLE = (TypeError, ValueError, OverflowError, RecursionError)
_TOO_LONG = (413, 414, 431)
"""Statuses of a body, an address and a header that whatever stands in front of the service does not let through."""
_RETRY_AFTER = "x-acs-retry-after"
_ECHO = re.compile(r"\s*\b(?:server )?(?:canonical ?string|string ?to ?sign)\b.*", re.IGNORECASE | re.DOTALL)
_XML_MEMBER = re.compile(r"<(Code|Message|RequestId)>([^<]*)</\1>")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request to one PAI service and the reader of its answer.

    Attributes:
        service: the product that serves the operation.
        action: the operation's name, such as ``GetTrainingJob``.
        method: HTTP method.
        path: path below the host, already percent-encoded (see :func:`segment`).
        parse: turns the answer's JSON object into a value.
        query: parameters in any order, unencoded; the client encodes and sorts them.
        body: the JSON body, or None for no body.
        idempotent: False when sending it twice could do the thing twice.
        secret: True when its answer may hold a token or what an author has put into a configuration, so that no error
            may show any of it.
    """

    service: Service
    action: str
    method: str
    path: str
    parse: Callable[[Mapping[str, Any]], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    idempotent: bool = True
    secret: bool = False

    def __post_init__(self) -> None:
        """Refuse parameters that can't be sent.

        Raises:
            SpecError: one is no text in UTF-8.
        """
        for name, value in self.query.items():
            text_of(name, value)

    def content(self) -> bytes:
        """Return the bytes of the body; empty when there is none.

        Raises:
            SpecError: it is no dict, or a member can't be written as JSON.
        """
        if self.body is None:
            return b""
        if not isinstance(self.body, Mapping):
            raise SpecError([Problem("config", f"must be a dict, not {kind(self.body)}")])
        try:
            return _json(self.body)
        except _UNWRITABLE:
            if wrong := [
                Problem(shown(name).strip("'"), NO_JSON) for name, value in self.body.items() if not _is_json(value)
            ]:
                raise SpecError(wrong) from None
            raise SpecError([Problem("config", "must have texts as names")]) from None


def present(query: Mapping[str, str | None]) -> dict[str, str]:
    """Return the parameters that are given: those that are neither None nor an empty text.

    Raises:
        SpecError: one is no text.
    """
    given = {name: value for name, value in query.items() if value is not None}
    return {name: text for name, value in given.items() if (text := text_of(name, value))}


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.encode()


def _is_json(value: object) -> bool:
    try:
        _json(value)
    except _UNWRITABLE:
        return False
    return True


def text_of(name: str, value: object) -> str:
    """Return a value that must be a text in UTF-8.

    Args:
        name: what it is called in an error.
        value: the value.

    Raises:
        SpecError: it is something else.
    """
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise SpecError([Problem(name, f"must be a text in UTF-8, not {kind(value)}")])
    return value


def segment(value: str) -> str:
    """Percent-encode one path segment (RFC 3986), so that an id can't change the path.

    Raises:
        SpecError: it is no text, or no encoding can keep it in its place: it is empty, ``.`` or ``..``.
    """
    if text_of("id", value) in ("", ".", ".."):
        raise SpecError([Problem("id", f"{value!r} names nothing; give the id that PAI's console shows")])
    return quote(value, safe="-_.~")


def decode_answer(call: Call[T], status: int, headers: Mapping[str, str], content: bytes) -> T:
    """Read an answer: the parsed value, or the error the service sent.

    Args:
        call: what was asked.
        status: HTTP status of the answer.
        headers: its headers, in a mapping that ignores case.
        content: its body.

    Raises:
        APIError: the service refused, as the subclass that fits.
        ProtocolError: the answer is not a JSON object of the operation's form, or lacks what the operation promises.
    """
    if status >= 400:
        raise decode_error(call.action, status, headers, content)
    if not 200 <= status < 300:
        raise ProtocolError(f"{call.action}: HTTP {status} instead of an answer", _shown(call, content))
    body = _json_object(call.action, content, secret=call.secret) if content else {}
    if request_id := headers.get("x-acs-request-id") or ("none" if status == _NO_CONTENT else None):
        # The service has the last word even where it says nothing more: its gateway's header, or a status that says so.
        body = {"RequestId": request_id, **body}
    try:
        return call.parse(body)
    except IncompleteAnswerError as error:
        raise ProtocolError(f"{call.action}: the answer is incomplete: {error}", _shown(call, content)) from None
    except ProtocolError as error:
        raise ProtocolError(f"{call.action}: {error}", _shown(call, content)) from None
    except PAIError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = type(error).__name__ if call.secret else repr(error)
        raise ProtocolError(f"{call.action}: the answer can't be read ({said})", _shown(call, content)) from error


def decode_error(action: str, status: int, headers: Mapping[str, str], content: bytes) -> APIError | ProtocolError:
    """Build the error of an answer with status 400 or above: service code first, then HTTP status, then the base.

    An answer that is not the service's counts only where its status alone tells enough: a proxy's 404 or 403 says
    nothing about a job or a key, but a request that is too long for it never gets through.
    """
    try:
        body = _xml_members(content) or _json_object(action, content)
    except ProtocolError:
        if status in _TOO_LONG:
            return APIError(action, status, "", "the request is too long; shorten what it names", "")
        if status < 500 and status != 429:
            return ProtocolError(f"{action}: HTTP {status}, and the answer is not PAI's", _text(content))
        body = {"Message": "the answer is not PAI's; a proxy or load balancer may have sent it"}
    code = str(body.get("Code") or body.get("code") or "")
    message = _safe_message(code, str(body.get("Message") or body.get("message") or "no message"))
    request_id = str(body.get("RequestId") or body.get("requestId") or headers.get("x-acs-request-id") or "")
    retry_after = _retry_after(headers.get(_RETRY_AFTER))
    # A failed server may have done what it was asked before it failed, whenever it wants to be asked again.
    if code.startswith("Throttling") or status == 429 or (retry_after is not None and status < 500):
        return ThrottledError(action, status, code, message, request_id, retry_after)
    return _error_class(status, code)(action, status, code, message, request_id)


def _error_class(status: int, code: str) -> type[APIError]:
    if code.startswith(_AUTH_CODES) or status in (401, 403):
        return AuthError
    if status >= 500:
        return ServerError
    if status == 404:
        return NotFoundError
    if status == 409:
        return ConflictError
    return APIError


def _safe_message(code: str, message: str) -> str:
    """Drop what a signature error echoes: the string to sign holds request headers, a security token among them."""
    if code.startswith("SignatureDoesNotMatch"):
        return "the signature does not match; access_key_secret is probably wrong"
    return _ECHO.sub(" (...)", message)


def _retry_after(value: str | None) -> float | None:
    return int(value) / 1000 if value and value.isdecimal() and int(value) > 0 else None


def _shown(call: Call[T], content: bytes) -> str:
    return "" if call.secret else _text(content)


def _json_object(action: str, content: bytes, *, secret: bool = False) -> Mapping[str, Any]:
    text = _text(content)
    shown = "" if secret else text
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{action}: the answer is not JSON", shown) from error
    if not isinstance(body, dict):
        raise ProtocolError(f"{action}: the answer is not a JSON object", shown)
    return body


def _xml_members(content: bytes) -> Mapping[str, Any]:
    """Read a gateway's ``<Error>`` document, as some send whatever is accepted; empty for anything else."""
    text = _text(content)
    return {name: html.unescape(value) for name, value in _XML_MEMBER.findall(text)} if "<Error>" in text else {}


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
