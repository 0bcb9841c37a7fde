"""Who sent a request: reading its signature, in the header or the URL, and refusing what OSS would refuse."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_provider_pai.local.keys import TokenProblem
from airflow_provider_pai.local.oss import signing
from airflow_provider_pai.local.oss.errors import OSSErrorResponse, access_denied, invalid_argument, not_implemented
from airflow_provider_pai.local.oss.signing import OSSRequest, Scope
from airflow_provider_pai.local.parsing import read_http_date, read_number

Credentials = Callable[[str], str | None]
"""Access key id -> secret, or None when the key is unknown."""

TokenCheck = Callable[[str, str], TokenProblem | None]
"""(access key id, security token or nothing) -> what is wrong with the token, None when it may pass."""

MAX_SKEW_S = 15 * 60
_MAX_EXPIRES_S = 7 * 24 * 3600
_V1_HEADER = re.compile(r"OSS ([^:\s]+):(\S+)")
_V4_HEADER = re.compile(rf"{signing.V4_ALGORITHM} (.+)")
_CREDENTIAL = re.compile(r"([^/\s]+)/([0-9]{8})/([^/]*)/([^/]+)/aliyun_v4_request")


@dataclass(frozen=True)
class _Claim:
    """What a request says about its sender, not yet believed."""

    access_key_id: str
    signature: str
    string_to_sign: bytes
    token: str = ""
    scope: Scope | None = None
    signed_at: float | None = None
    expires_at: float | None = None

    def expected_signature(self, secret: str) -> str:
        if self.scope is None:
            return signing.v1_signature(secret, self.string_to_sign)
        return signing.v4_signature(secret, self.scope, self.string_to_sign)


_V1_PARAMETERS = frozenset({"OSSAccessKeyId", "Expires", "Signature", "security-token"})
_V4_PARAMETERS = frozenset(
    f"x-oss-{name}"
    for name in (
        "additional-headers",
        "credential",
        "date",
        "expires",
        "security-token",
        "signature",
        "signature-version",
    )
)


def presigning_parameters(request: OSSRequest) -> frozenset[str]:
    """Return the names of the parameters that sign a presigned URL; none for a request that is signed otherwise."""
    if request.headers.get("authorization"):
        return frozenset()
    if "Signature" in request.query:
        return _V1_PARAMETERS
    return _V4_PARAMETERS if "x-oss-signature" in request.query else frozenset()


def no_tokens(_access_key_id: str, token: str) -> TokenProblem | None:
    """Accept no security token: local OSS has no STS unless its starter brings one."""
    return TokenProblem.UNKNOWN if token else None


def verify(
    request: OSSRequest, credentials: Credentials, region_id: str, now: float, token_problem: TokenCheck = no_tokens
) -> str:
    """Check a request's signature and return the access key id that signed it.

    Args:
        request: the request.
        credentials: access key id to secret.
        region_id: the region that V4 signatures must be made for.
        now: seconds since the epoch.
        token_problem: what is wrong with a key's security token.

    Raises:
        OSSErrorResponse: AccessDenied (anonymous, expired, undated), InvalidAccessKeyId, InvalidSecurityToken,
            SecurityTokenExpired, RequestTimeTooSkewed, SignatureDoesNotMatch, InvalidArgument (a signature that can't
            be read).
    """
    claim = _read(request, region_id)
    secret = credentials(claim.access_key_id)
    problem = token_problem(claim.access_key_id, claim.token)
    # OSS does not know the key of temporary credentials that come without their token.
    if secret is None or problem is TokenProblem.MISSING:
        message = "The OSS Access Key Id you provided does not exist in our records."
        raise OSSErrorResponse(
            403, "InvalidAccessKeyId", message, ec="0002-00000902", details={"OSSAccessKeyId": claim.access_key_id}
        )
    if problem is TokenProblem.EXPIRED:
        message = "The security token you provided has expired."
        raise OSSErrorResponse(403, "SecurityTokenExpired", message, ec="0002-00000007")
    if problem:
        message = "The security token you provided is invalid."
        raise OSSErrorResponse(403, "InvalidSecurityToken", message, ec="0002-00000006")
    _check_time(claim, now)
    if not hmac.compare_digest(claim.expected_signature(secret).encode(), claim.signature.encode()):
        raise _signature_does_not_match(claim)
    return claim.access_key_id


def _read(request: OSSRequest, region_id: str) -> _Claim:
    header = request.headers.get("authorization", "")
    if header:
        if found := _V1_HEADER.fullmatch(header):
            return _v1_header(request, found[1], found[2])
        if found := _V4_HEADER.fullmatch(header):
            return _v4_header(request, _fields(found[1]), region_id)
        if header.startswith("OSS2 "):
            raise not_implemented("signature version 2")
        message = "The Authorization header is invalid: OSS signature V1 or V4 is expected."
        raise OSSErrorResponse(400, "InvalidArgument", message, ec="0002-00000062")
    if "Signature" in request.query:
        return _v1_url(request)
    if "x-oss-signature" in request.query:
        return _v4_url(request, region_id)
    raise access_denied("You are forbidden to access anonymously: the request carries no signature.")


def _v1_header(request: OSSRequest, access_key_id: str, signature: str) -> _Claim:
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    return _Claim(
        access_key_id=access_key_id,
        signature=signature,
        string_to_sign=signing.v1_string_to_sign(request, date),
        token=request.headers.get("x-oss-security-token", ""),
        signed_at=_http_time(date),
    )


def _v1_url(request: OSSRequest) -> _Claim:
    query = request.query
    expires = query.get("Expires", "")
    expires_at = read_number(expires)
    if expires_at is None or "OSSAccessKeyId" not in query:
        raise access_denied("Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters")
    return _Claim(
        access_key_id=query["OSSAccessKeyId"],
        signature=query["Signature"],
        string_to_sign=signing.v1_string_to_sign(request, expires),
        token=query.get("security-token", ""),
        expires_at=float(expires_at),
    )


def _v4_header(request: OSSRequest, fields: Mapping[str, str], region_id: str) -> _Claim:
    headers = request.headers
    timestamp = headers.get("x-oss-date", "")
    signed_at = _v4_time(timestamp)
    if headers.get("x-oss-content-sha256") != signing.UNSIGNED_PAYLOAD:
        raise invalid_argument(f"x-oss-content-sha256 must be {signing.UNSIGNED_PAYLOAD}", "x-oss-content-sha256")
    access_key_id, scope = _scope(fields.get("Credential", ""), timestamp, region_id)
    canonical = signing.v4_canonical_request(request, _names(fields.get("AdditionalHeaders", "")))
    return _Claim(
        access_key_id=access_key_id,
        signature=fields.get("Signature", ""),
        string_to_sign=signing.v4_string_to_sign(canonical, scope, timestamp),
        token=headers.get("x-oss-security-token", ""),
        scope=scope,
        signed_at=signed_at,
    )


def _v4_url(request: OSSRequest, region_id: str) -> _Claim:
    query = request.query
    timestamp, expires = query.get("x-oss-date", ""), query.get("x-oss-expires", "")
    signed_at = _v4_time(timestamp)
    if query.get("x-oss-signature-version") == "OSS2":
        raise not_implemented("signature version 2")
    if query.get("x-oss-signature-version") != signing.V4_ALGORITHM:
        raise invalid_argument(f"x-oss-signature-version must be {signing.V4_ALGORITHM}", "x-oss-signature-version")
    lifetime = read_number(expires)
    if lifetime is None or not 1 <= lifetime <= _MAX_EXPIRES_S:
        raise invalid_argument(f"x-oss-expires must be from 1 to {_MAX_EXPIRES_S}", "x-oss-expires", expires)
    access_key_id, scope = _scope(query.get("x-oss-credential", ""), timestamp, region_id)
    unsigned = {name: value for name, value in query.items() if name != "x-oss-signature"}
    additional = _names(query.get("x-oss-additional-headers", ""))
    canonical = signing.v4_canonical_request(replace(request, query=unsigned), additional)
    return _Claim(
        access_key_id=access_key_id,
        signature=query["x-oss-signature"],
        string_to_sign=signing.v4_string_to_sign(canonical, scope, timestamp),
        token=query.get("x-oss-security-token", ""),
        scope=scope,
        expires_at=signed_at + lifetime,
    )


def _scope(credential: str, timestamp: str, region_id: str) -> tuple[str, Scope]:
    found = _CREDENTIAL.fullmatch(credential)
    if found is None:
        raise OSSErrorResponse(
            400, "InvalidArgument", "Invalid Credential in Authorization header.", ec="0002-00000213"
        )
    access_key_id, date, region, product = found.groups()
    if date != timestamp[:8]:
        raise invalid_argument("Invalid signing date in Authorization header.")
    if not region:
        # What the vendor's suite expects of a URL that was signed without one.
        raise OSSErrorResponse(400, "InvalidArgument", "The signing region in credential is invalid.")
    if region != region_id:
        raise OSSErrorResponse(
            400, "InvalidArgument", "Invalid signing region in Authorization header.", ec="0002-00000226"
        )
    if product != "oss":
        raise OSSErrorResponse(
            400, "InvalidArgument", "Invalid signing product in Authorization header.", ec="0002-00000227"
        )
    return access_key_id, Scope(date, region, product)


def _check_time(claim: _Claim, now: float) -> None:
    if claim.expires_at is not None and now > claim.expires_at:
        raise access_denied("Request has expired.")
    if claim.signed_at is not None and abs(now - claim.signed_at) > MAX_SKEW_S:
        message = "The difference between the request time and the current time is too large."
        details = {
            "MaxAllowedSkewMilliseconds": str(MAX_SKEW_S * 1000),
            "RequestTime": _iso(claim.signed_at),
            "ServerTime": _iso(now),
        }
        raise OSSErrorResponse(403, "RequestTimeTooSkewed", message, ec="0002-00000504", details=details)


def _signature_does_not_match(claim: _Claim) -> OSSErrorResponse:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    details = {"OSSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
    # OSS always echoes what it signed; with a security token in it that would put a secret into errors and logs.
    if not claim.token:
        details["StringToSign"] = claim.string_to_sign.decode("utf-8", "replace")
    return OSSErrorResponse(403, "SignatureDoesNotMatch", message, ec="0002-00000040", details=details)


def _fields(text: str) -> Mapping[str, str]:
    pairs = (field.strip().partition("=") for field in text.split(","))
    return {name: value for name, _, value in pairs}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.lower().split(";") if name)


def _http_time(text: str) -> float:
    seconds = read_http_date(text)
    if seconds is None:
        raise access_denied("OSS authentication requires a valid Date.")
    return seconds


def _v4_time(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise access_denied("OSS authentication requires a valid x-oss-date.") from error


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
