"""From the fields of an Airflow connection to a client's configuration; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import Network
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.errors import SpecError

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
    extra = {name: str(value).strip() for name, value in fields.extra.items() if value not in (None, "")}
    key_id = fields.login or extra.get("access_key_id", "")
    secret = fields.password or extra.get("access_key_secret", "")
    region = region_id or extra.get("region_id") or extra.get("region", "")
    workspace = workspace_id or extra.get("workspace_id", "")
    problems = [
        f"connection {fields.conn_id!r} has no {what}"
        for what, value in {
            "access key id (field Login, or access_key_id in Extra)": key_id,
            "access key secret (field Password, or access_key_secret in Extra)": secret,
            "region: set region_id in Extra, for example 'cn-hangzhou', or give the argument region_id": region,
            "workspace: set workspace_id in Extra, or give the argument workspace_id": workspace,
        }.items()
        if not value
    ]
    network = extra.get("network", "public")
    if network not in NETWORKS:
        problems.append(f"connection {fields.conn_id!r}: network must be 'public' or 'vpc', not {network!r}")
    for name in ("endpoint", "oss_endpoint"):
        problems += _url_problems(fields.conn_id, name, extra.get(name))
    if problems:
        raise SpecError(problems)
    return ClientConfig(
        region_id=region,
        workspace_id=workspace,
        credentials=KeyPair(key_id, secret, extra.get("security_token")),
        endpoint=extra.get("endpoint"),
        oss_endpoint=extra.get("oss_endpoint"),
        network=cast("Network", network),
        bucket=extra.get("bucket"),
    )


def _url_problems(conn_id: str, name: str, value: str | None) -> list[str]:
    if value is None:
        return []
    url = urlsplit(value)
    if url.scheme in ("http", "https") and url.netloc:
        return []
    return [
        f"connection {conn_id!r}: {name} must be a URL such as 'https://pai.cn-hangzhou.aliyuncs.com', not {value!r}"
    ]
