"""HMAC-SHA1 of RPC requests: all parameters, the signature among them, are in the query or in a form.

Temporary credentials are asked for this way. The steps are those of the vendor's signers (alibabacloud_credentials,
alibabacloud_tea_openapi). The codes for parameters with other values than the only ones there are, are [inferred].
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from urllib.parse import parse_qsl, quote

from airflow_provider_pai.api import signing
from airflow_provider_pai.api.signing import Pairs, Request, SignatureError
from airflow_provider_pai.local.http import roa
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.http.signed import Signed, mismatch

_FORM = "application/x-www-form-urlencoded"
_FIXED = {"SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0"}
COMMON = frozenset({"Format", "RegionId", "SecurityToken", "SignatureType"})
"""Parameters that any operation may have beside those that a signature needs; a region is in the host already."""
_REQUIRED = ("Action", "Version", "AccessKeyId", "Timestamp", "SignatureNonce", *_FIXED, "Signature")


def parameters(query: Pairs, content_type: str, content: bytes) -> dict[str, str]:
    """Return the parameters of a request: those of its query and, when the body is one, of its form."""
    return dict(_pairs(query, content_type, content))


def check_names(query: Pairs, content_type: str, content: bytes, known: Collection[str]) -> None:
    """Refuse a parameter that an operation does not have, or that comes twice.

    Args:
        query: the query's parameters.
        content_type: of the body.
        content: the body.
        known: the operation's own parameters.

    Raises:
        ErrorResponse: 400 InvalidParameter, naming it.
    """
    names = [name for name, _ in _pairs(query, content_type, content)]
    if repeated := next((name for name in names if names.count(name) > 1), ""):
        raise ErrorResponse(400, "InvalidParameter", f"The parameter {repeated} is invalid: it may be given once.")
    if unknown := sorted(set(names) - {*known, *COMMON, *_REQUIRED}):
        raise ErrorResponse(400, "InvalidParameter", f"The parameter {unknown[0]} is not supported by local PAI.")


def _pairs(query: Pairs, content_type: str, content: bytes) -> list[tuple[str, str]]:
    form = content_type.partition(";")[0].strip().lower() == _FORM
    sent = parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True) if form else ()
    return [*signing.as_pairs(query), *sent]


def verify(request: Request, secret_of: Callable[[str], str | None], now: datetime) -> Signed:
    """Check a received request and return what is signed about its sender.

    Args:
        request: the request as it arrived.
        secret_of: from an access key id to its secret; None for an unknown one.
        now: the server's time, aware of its zone.

    Raises:
        SignatureError: 400 Missing<Parameter>, 400 InvalidParameter, 404 InvalidAccessKeyId.NotFound, 400
            InvalidTimeStamp.Format or .Expired, 400 SignatureDoesNotMatch.
    """
    content_type = signing.collected(request.headers).get("content-type", "")
    asked = parameters(request.query, content_type, request.content)
    for name in _REQUIRED:
        if not asked.get(name):
            raise SignatureError(400, f"Missing{name}", f"{name} is mandatory for this action.")
    for name, value in _FIXED.items():
        if asked[name] != value:
            raise SignatureError(400, "InvalidParameter", f"The parameter {name} must be {value}.")
    secret = signing.known_secret(asked["AccessKeyId"], secret_of)
    signing.check_time(signing.read_time(asked["Timestamp"]), now)
    token = asked.get("SecurityToken", "")
    text = string_to_sign(request.method, asked)
    if not hmac.compare_digest(sign(text, secret).encode(), asked["Signature"].encode()):
        raise mismatch(text, token)
    return Signed(asked["AccessKeyId"], asked["SignatureNonce"], token, asked["Action"], asked["Version"])


def string_to_sign(method: str, asked: Mapping[str, str]) -> str:
    """Return the text that is signed: the method and all parameters but the signature, encoded twice."""
    signed = {name: value for name, value in asked.items() if name != "Signature"}
    return f"{method}&%2F&{quote(signing.canonical_query(signed), safe='~')}"


def sign(text: str, secret: str) -> str:
    """Return the signature of a text: HMAC-SHA1 in Base64, the key being the secret and an ampersand."""
    return roa.sign(text, f"{secret}&")
