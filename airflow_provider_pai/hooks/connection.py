"""From the fields of an Airflow connection to a client's configuration; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import Network
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.uri import OssUri

NETWORKS = ("public", "vpc")


@dataclass(frozen=True)
class ConnectionFields:
    """What an Airflow connection holds.

    Attributes:
        conn_id: its id.
        login: access key id; an ``alibaba_cloud`` connection has it in ``extra`` as ``access_key_id``.
        password: access key secret; likewise ``access_key_secret``.
        extra: ``region_id`` (or ``region``), ``workspace_id``, ``security_token``, ``network``, ``endpoint``,
            ``oss_endpoint``, ``bucket``.
    """

    conn_id: str
    login: str | None
    password: str | None = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)


def read_config(
    fields: ConnectionFields, *, region_id: str | None = None, workspace_id: str | None = None
) -> ClientConfig:
    """Return the configuration a connection describes.

    Args:
        fields: the connection.
        region_id: takes the place of the connection's.
        workspace_id: takes the place of the connection's.

    Raises:
        SpecError: listing everything that is missing or malformed, by the name of connection and field.
    """
    extra = {name: text for name, value in fields.extra.items() if (text := _text(value))}
    key_id = _text(fields.login) or extra.get("access_key_id", "")
    secret = _text(fields.password) or extra.get("access_key_secret", "")
    region = _text(region_id) or extra.get("region_id") or extra.get("region", "")
    workspace = _text(workspace_id) or extra.get("workspace_id", "")
    needed = {
        "access key id (field Login, or access_key_id in Extra)": key_id,
        "access key secret (field Password, or access_key_secret in Extra)": secret,
        "region: set region_id in Extra, for example 'cn-hangzhou', or give the argument region_id": region,
        "workspace: set workspace_id in Extra, or give the argument workspace_id": workspace,
    }
    problems = [f"connection {fields.conn_id!r} has no {what}" for what, value in needed.items() if not value]
    malformed = _malformed({**extra, "region_id": region})
    problems += [f"connection {fields.conn_id!r}: {problem}" for problem in malformed]
    if problems:
        raise SpecError(problems)
    return ClientConfig(
        region_id=region,
        workspace_id=workspace,
        credentials=KeyPair(key_id, secret, extra.get("security_token")),
        endpoint=extra.get("endpoint"),
        oss_endpoint=extra.get("oss_endpoint"),
        network=cast("Network", extra.get("network", "public")),
        bucket=extra.get("bucket"),
    )


def _text(value: object) -> str:
    """A field as text, without the white space that copying brings along; a workspace's id may be given as a number."""
    return "" if value is None else str(value).strip()


def _malformed(extra: Mapping[str, str]) -> Iterator[str]:
    for name, (is_good, advice) in _FORMS.items():
        if (value := extra.get(name)) and not is_good(value):
            yield f"{name} must be {advice}, not {value!r}"


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and not re.search(r"\s", text)
    except ValueError:
        return False


def _is_bucket(text: str) -> bool:
    try:
        return OssUri.parse(f"oss://{text}/") == OssUri(text, "")
    except ValueError:
        return False


_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "region_id": (re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch, "a region's id such as 'cn-hangzhou'"),
    "network": (NETWORKS.__contains__, "'public' or 'vpc'"),
    "endpoint": (_is_url, "a URL such as 'https://pai.cn-hangzhou.aliyuncs.com'"),
    "oss_endpoint": (_is_url, "a URL such as 'https://oss-cn-hangzhou.aliyuncs.com'"),
    "bucket": (_is_bucket, "a bucket's name such as 'my-bucket'"),
}
