"""HMAC-SHA1 of REST requests, the gateway's signature before ACS3, which ``alipai`` 0.4.13 still sends.

Our own client never signs so. The steps are those of the vendor's signer (alibabacloud_tea_openapi, signature algorithm
``v2``). Which headers must be there, and the codes when they are not, are [inferred].
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime

from airflow_provider_pai.api import signing
from airflow_provider_pai.api.signing import Request, SignatureError
from airflow_provider_pai.local.http.signed import Signed, mismatch

_AUTHORIZATION = re.compile(r"acs ([^:\s]+):(\S+)")
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_FIXED = {"x-acs-signature-method": "HMAC-SHA1", "x-acs-signature-version": "1.0"}
_REQUIRED = ("date", "x-acs-action", "x-acs-signature-nonce", "x-acs-version", *_FIXED)
_PLAIN = ("accept", "content-md5", "content-type", "date")


def verify(request: Request, secret_of: Callable[[str], str | None], now: datetime) -> Signed:
    """Check a received request and return what is signed about its sender.

    Args:
        request: the request as it arrived, headers and all.
        secret_of: from an access key id to its secret; None for an unknown one.
        now: the server's time, aware of its zone.

    Raises:
        SignatureError: 400 IncompleteSignature, 404 InvalidAccessKeyId.NotFound, 400 InvalidTimeStamp.Format or
            .Expired, 400 SignatureDoesNotMatch.
    """
    headers = signing.collected(request.headers)
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise _incomplete("The Authorization header must have the form acs <id>:<base64>.")
    access_key_id, signature = found.groups()
    if absent := [name for name in _REQUIRED if not headers.get(name)]:
        raise _incomplete(f"These headers must be there: {', '.join(absent)}.")
    for name, value in _FIXED.items():
        if headers[name] != value:
            raise _incomplete(f"{name} must be {value}.")
    secret = signing.known_secret(access_key_id, secret_of)
    signing.check_time(_http_time(headers["date"]), now)
    token = headers.get("x-acs-security-token", "")
    text = string_to_sign(request)
    if not hmac.compare_digest(sign(text, secret).encode(), signature.encode()):
        raise mismatch(text, token)
    _check_body(request.content, headers.get("content-md5", ""))
    return Signed(
        access_key_id, headers["x-acs-signature-nonce"], token, headers["x-acs-action"], headers["x-acs-version"]
    )


def string_to_sign(request: Request) -> str:
    """Return the text that is signed: method, plain headers, ``x-acs-*`` headers, path with its decoded query."""
    headers = signing.collected(request.headers)
    query = "&".join(f"{name}={value}" if value else name for name, value in sorted(signing.as_pairs(request.query)))
    return "\n".join(
        [
            request.method,
            *(headers.get(name, "") for name in _PLAIN),
            *(f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-acs-")),
            f"{request.path}?{query}" if query else request.path,
        ]
    )


def sign(text: str, secret: str) -> str:
    """Return the signature of a text: HMAC-SHA1 in Base64."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _check_body(content: bytes, digest: str) -> None:
    """Refuse another body than the signed one; without Content-MD5 this signature covers no body at all."""
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    if digest and digest != md5:
        raise SignatureError(400, "SignatureDoesNotMatch", "Content-MD5 is not the MD5 of the body.")


def _http_time(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _incomplete(message: str) -> SignatureError:
    return SignatureError(400, "IncompleteSignature", message)
