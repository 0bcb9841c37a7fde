"""From an ASGI scope to the bucket and key it addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus, unquote_to_bytes

from starlette.types import Scope

from airflow_provider_pai.local.oss.errors import OSSErrorResponse, invalid_argument
from airflow_provider_pai.local.oss.names import check_bucket, check_key
from airflow_provider_pai.local.oss.signing import OSSRequest


def base_hosts(region_id: str) -> tuple[str, ...]:
    """Return the hosts below which ``<bucket>.<host>`` addresses a bucket; other hosts are path style only."""
    return (
        f"oss-{region_id}-internal.aliyuncs.com",
        f"oss-{region_id}.aliyuncs.com",
        "oss.localhost",
        "localhost",
    )


def read_request(scope: Scope, hosts: Iterable[str]) -> OSSRequest:
    """Return what an HTTP request addresses.

    The raw path is used and decoded once: clients with an IP endpoint send a key's ``/`` as ``%2F``, and a key may
    itself contain ``%2F``.

    Args:
        scope: ASGI scope of the request.
        hosts: see :func:`base_hosts`.

    Raises:
        OSSErrorResponse: InvalidBucketName, InvalidObjectName.
    """
    headers = _headers(scope)
    path = bytes(scope["raw_path"]).partition(b"?")[0].removeprefix(b"/")
    bucket = bucket_of_host(headers.get("host", ""), hosts)
    if not bucket:
        name, _, path = path.partition(b"/")
        bucket = unquote_to_bytes(name).decode("utf-8", "replace")
    return OSSRequest(
        method=scope["method"],
        bucket=check_bucket(bucket) if bucket else "",
        key=_key(path) if path else "",
        query=_query(scope),
        headers=headers,
    )


def bucket_of_host(host_header: str, hosts: Iterable[str]) -> str:
    """Return the bucket a host names, or an empty string for path style."""
    host = host_header.rpartition(":")[0] if _has_port(host_header) else host_header
    known = sorted(hosts, key=len, reverse=True)
    if host in known or _is_address(host):
        return ""
    for base in known:
        if host.endswith("." + base):
            return host.removesuffix("." + base)
    return ""


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal() and not host.endswith("]")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _key(path: bytes) -> str:
    try:
        return check_key(unquote_to_bytes(path).decode())
    except UnicodeDecodeError as error:
        raise OSSErrorResponse(400, "InvalidObjectName", "The specified object is not valid.") from error


def _headers(scope: Scope) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _query(scope: Scope) -> Mapping[str, str]:
    text = bytes(scope["query_string"]).decode("latin-1")
    query: dict[str, str] = {}
    for part in text.split("&"):
        name, _, value = (unquote_plus(each) for each in part.partition("="))
        if name in query:
            raise invalid_argument("A parameter may be given once.", name, value)
        if part:
            query[name] = value
    return query
