"""OSS signatures V1 and V4: what is signed, and the signature of it. Pure; signing and verifying share it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from airflow_provider_pai.local.oss.subresources import SUBRESOURCES

V4_ALGORITHM = "OSS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_V4_TERMINATOR = "aliyun_v4_request"
_V4_ALWAYS_SIGNED = ("content-type", "content-md5")


@dataclass(frozen=True)
class OSSRequest:
    """What a request says, as far as it can be signed.

    Attributes:
        method: HTTP method.
        bucket: addressed bucket; empty for the service itself.
        key: addressed object; empty for the bucket itself.
        query: parameters, decoded.
        headers: by lower-case name.
    """

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Scope:
    """What a V4 signature is good for.

    Attributes:
        date: day of signing, ``YYYYMMDD``.
        region: region id, without ``oss-``.
        product: ``oss``.
    """

    date: str
    region: str
    product: str = "oss"

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.product}/{_V4_TERMINATOR}"


def v1_string_to_sign(request: OSSRequest, date: str) -> bytes:
    """Return what V1 signs.

    Args:
        request: the request.
        date: its date header, or the ``Expires`` of a presigned URL.
    """
    headers = request.headers
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-oss-")]
    signed = sorted((name, value) for name, value in request.query.items() if name in SUBRESOURCES)
    query = "&".join(f"{name}={value}" if value else name for name, value in signed)
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    resource = path + (f"?{query}" if query else "")
    return b"\n".join([*(_wire(line) for line in lines), resource.encode()])


def v1_signature(secret: str, string_to_sign: bytes) -> str:
    """Return the V1 signature: base64 of an HMAC-SHA1."""
    return base64.b64encode(hmac.new(secret.encode(), string_to_sign, hashlib.sha1).digest()).decode()


def v4_canonical_request(request: OSSRequest, additional: Collection[str] = ()) -> bytes:
    """Return the canonical form of a request.

    Args:
        request: the request, without ``x-oss-signature`` among its parameters.
        additional: lower-case names of further headers that are signed.
    """
    headers = request.headers
    signed = [name for name in sorted(headers) if _v4_signs(name, additional)]
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in request.query.items())
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    lines = [
        request.method,
        quote(path, safe="/~"),
        "&".join(f"{name}={value}" if value else name for name, value in pairs),
        "".join(f"{name}:{headers[name]}\n" for name in signed),
        ";".join(sorted(additional)),
        headers.get("x-oss-content-sha256", UNSIGNED_PAYLOAD),
    ]
    return b"\n".join(_wire(line) for line in lines)


def v4_string_to_sign(canonical_request: bytes, scope: Scope, timestamp: str) -> bytes:
    """Return what V4 signs.

    Args:
        canonical_request: see :func:`v4_canonical_request`.
        scope: what the signature is good for.
        timestamp: value of ``x-oss-date``, ``YYYYMMDDTHHMMSSZ``.
    """
    digest = hashlib.sha256(canonical_request).hexdigest()
    return f"{V4_ALGORITHM}\n{timestamp}\n{scope}\n{digest}".encode()


def v4_signature(secret: str, scope: Scope, string_to_sign: bytes) -> str:
    """Return the V4 signature: a hexadecimal HMAC-SHA256 with the key of day, region and product."""
    key = f"aliyun_v4{secret}".encode()
    for text in (scope.date, scope.region, scope.product, _V4_TERMINATOR):
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return hmac.new(key, string_to_sign, hashlib.sha256).hexdigest()


def _v4_signs(name: str, additional: Collection[str]) -> bool:
    return name.startswith("x-oss-") or name in _V4_ALWAYS_SIGNED or name in additional


def _wire(text: str) -> bytes:
    """Return header text as it was on the wire: servers hand it over as Latin-1."""
    return text.encode("latin-1", "replace")
