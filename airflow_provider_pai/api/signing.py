"""ACS3-HMAC-SHA256, the signature of Alibaba Cloud's API gateway: signing and verifying share one calculation.

The steps follow the gateway's "V3 request structure and signature" document and give the results of the vendor's signer
(alibabacloud_tea_openapi). What is our judgement, not the document's, is marked [inferred].
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
CLOCK_TOLERANCE = timedelta(minutes=15)
REQUIRED_HEADERS = frozenset(
    {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
)

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]

_AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,]+),SignedHeaders=([^,]+),Signature=([^,]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class SignatureError(Exception):
    """A received request is not signed as the gateway wants it.

    Attributes:
        status: HTTP status of the refusal.
        code: the gateway's error code.
        message: what the gateway says.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class KeyPair:
    """Who signs.

    Attributes:
        access_key_id: public half of the access key.
        access_key_secret: secret half.
        security_token: the STS token of temporary credentials; None for a permanent access key.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Request:
    """The parts of an HTTP request that a signature covers.

    Attributes:
        method: HTTP method.
        path: path below the host, percent-encoded, as it is on the wire.
        query: decoded parameters in any order.
        headers: names in any case; a name may occur more than once.
        content: the bytes of the body.
    """

    method: str
    path: str
    query: Pairs = ()
    headers: Pairs = field(default=(), repr=False)
    content: bytes = field(default=b"", repr=False)


def canonical_query(query: Pairs) -> str:
    """Return the query string that is signed, and that a client puts on the wire, so that both are equal.

    Sorted by name, percent-encoded (RFC 3986: a space is ``%20``, never ``+``); an empty value stays as ``name=``.
    """
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(as_pairs(query)))


def signed_headers(
    request: Request, *, action: str, version: str, host: str, keys: KeyPair, date: str, nonce: str
) -> dict[str, str]:
    """Return every header to send, ``Authorization`` among them; all others are signed.

    Args:
        request: what to sign; its own headers are sent and signed too.
        action: the operation's name, such as ``GetTrainingJob``.
        version: the product's API version, such as ``2022-01-12``.
        host: the host as it stands in the request, with a port that isn't the default.
        keys: who signs.
        date: now, in UTC, as ``YYYY-MM-DDTHH:MM:SSZ``.
        nonce: a value never used before.
    """
    headers = {name.lower(): value for name, value in as_pairs(request.headers)}
    headers |= {
        "host": host,
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": _sha256(request.content),
    }
    if request.content:
        headers.setdefault("content-type", "application/json; charset=utf-8")
    if keys.security_token is not None:
        headers |= {"x-acs-accesskey-id": keys.access_key_id, "x-acs-security-token": keys.security_token}
    complete = Request(request.method, request.path, request.query, headers, request.content)
    signature = _signature(keys.access_key_secret, _string_to_sign(complete, sorted(headers)))
    credential = f"Credential={keys.access_key_id},SignedHeaders={';'.join(sorted(headers))}"
    return {**headers, "Authorization": f"{ALGORITHM} {credential},Signature={signature}"}


def verify(request: Request, secret_of: Callable[[str], str | None], now: datetime) -> str:
    """Check a received request and return the access key id that signed it.

    The caller checks that the nonce was never used before: that needs a memory.

    Args:
        request: the request as it arrived, headers and all.
        secret_of: from an access key id to its secret; None for an unknown one.
        now: the server's time, aware of its zone.

    Raises:
        SignatureError: 400 IncompleteSignature, 404 InvalidAccessKeyId.NotFound, 400 InvalidTimeStamp.Format or
            .Expired, 400 SignatureDoesNotMatch.
    """
    headers = collected(request.headers)
    access_key_id, names, signature = _authorization(headers)
    _check_names(names, headers)
    secret = known_secret(access_key_id, secret_of)
    check_time(read_time(headers["x-acs-date"]), now)
    if headers["x-acs-content-sha256"] != _sha256(request.content):
        # The code of this case is not documented [inferred]: the signature covers another body than the one that came.
        raise SignatureError(400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the SHA-256 of the body.")
    text = _string_to_sign(request, names)
    if not hmac.compare_digest(_signature(secret, text).encode(), signature.encode()):
        # The wording is the gateway's (developer.aliyun.com/ask/678646).
        message = f"Specified signature does not match our calculation. server StringToSign is [{text}]"
        raise SignatureError(400, "SignatureDoesNotMatch", message)
    return access_key_id


def known_secret(access_key_id: str, secret_of: Callable[[str], str | None]) -> str:
    """Return the secret of an access key.

    Raises:
        SignatureError: 404 InvalidAccessKeyId.NotFound, there is no such key.
    """
    secret = secret_of(access_key_id)
    if secret is None:
        raise SignatureError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    return secret


def read_time(text: str) -> datetime | None:
    """Read ``YYYY-MM-DDTHH:MM:SSZ``; None for anything else."""
    try:
        return datetime.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def check_time(sent: datetime | None, now: datetime) -> None:
    """Refuse a request with a date that can't be read (None) or is too far from the server's time.

    Raises:
        SignatureError: 400 InvalidTimeStamp.Format or .Expired.
    """
    if sent is None:
        message = "Specified time stamp or date value is not well formatted."
        raise SignatureError(400, "InvalidTimeStamp.Format", message)
    if abs(now - sent) > CLOCK_TOLERANCE:
        raise SignatureError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def as_pairs(given: Pairs) -> Sequence[tuple[str, str]]:
    """Return names and values one by one, whichever way they were given."""
    return tuple(given.items()) if isinstance(given, Mapping) else given


def collected(headers: Pairs) -> dict[str, str]:
    """Return trimmed values by lower-case name; the values of a repeated header are sorted and joined."""
    found: dict[str, list[str]] = {}
    for name, value in as_pairs(headers):
        found.setdefault(name.lower(), []).append(value.strip())
    return {name: ",".join(sorted(values)) for name, values in found.items()}


def _authorization(headers: Mapping[str, str]) -> tuple[str, list[str], str]:
    """Return access key id, sorted names of the signed headers, signature."""
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        form = f"{ALGORITHM} Credential=<id>,SignedHeaders=<names>,Signature=<hex>"
        raise SignatureError(400, "IncompleteSignature", f"The Authorization header must have the form {form}.")
    access_key_id, names, signature = match.groups()
    return access_key_id, sorted(set(names.lower().split(";"))), signature


def _check_names(names: Sequence[str], headers: Mapping[str, str]) -> None:
    """Refuse a signature that leaves out what must be signed, or that names a header which did not come.

    That every ``x-acs-*`` header must be signed is the document's wish; that it is enforced is [inferred].
    """
    required = REQUIRED_HEADERS | {name for name in headers if name.startswith("x-acs-")}
    if unsigned := sorted(required.difference(names)):
        raise SignatureError(400, "IncompleteSignature", f"These headers must be signed: {', '.join(unsigned)}.")
    if absent := [name for name in names if name not in headers]:
        raise SignatureError(400, "IncompleteSignature", f"Signed headers are missing: {', '.join(absent)}.")


def _string_to_sign(request: Request, names: Sequence[str]) -> str:
    headers = collected(request.headers)
    lines = (
        request.method,
        request.path or "/",
        canonical_query(request.query),
        "".join(f"{name}:{headers[name]}\n" for name in names),
        ";".join(names),
        _sha256(request.content),
    )
    return f"{ALGORITHM}\n{_sha256(chr(10).join(lines).encode())}"


def _signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
