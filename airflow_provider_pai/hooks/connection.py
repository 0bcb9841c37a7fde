"""From the fields of an Airflow connection to a client's configuration; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import STS, Network, service_url
from airflow_provider_pai.client.transport.config import LOG_DELAY, ClientConfig
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.connection_credentials import CREDENTIAL_FORMS, credentials_problems, read_credentials
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri

NETWORKS = ("public", "vpc")


@dataclass(frozen=True)
class ConnectionFields:
    """What an Airflow connection holds.

    Attributes:
        conn_id: its id.
        login: access key id; an ``alibaba_cloud`` connection has it in ``extra`` as ``access_key_id``.
        password: access key secret; likewise ``access_key_secret``.
        extra: ``region_id`` (or ``region``), ``workspace_id``, ``network``, ``endpoint``, ``oss_endpoint``,
            ``sts_endpoint``, ``bucket``, ``log_delay``, ``package_members``, and the fields of the credentials.
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
    for name, field_ in {"access_key_id": fields.login, "access_key_secret": fields.password}.items():
        extra |= {name: text} if (text := _text(field_)) else {}
    region = _text(region_id) or extra.get("region_id") or extra.get("region", "")
    workspace = _text(workspace_id) or extra.get("workspace_id", "")
    found = [*credentials_problems(extra), *_missing(region, workspace), *_malformed({**extra, "region_id": region})]
    if found:
        raise SpecError(replace(problem, of=f"connection {fields.conn_id!r}") for problem in found)
    network = cast("Network", extra.get("network", "public"))
    sts_url = extra.get("sts_endpoint") or extra.get("endpoint") or service_url(STS, region, network)
    return ClientConfig(
        region_id=region,
        workspace_id=workspace,
        credentials=read_credentials(extra, sts_url.rstrip("/")),
        endpoint=extra.get("endpoint"),
        oss_endpoint=extra.get("oss_endpoint"),
        network=network,
        bucket=extra.get("bucket"),
        log_delay=float(extra.get("log_delay", LOG_DELAY)),
        package_members=_TRUTHS.get(extra.get("package_members", "").lower()),
    )


def _text(value: object) -> str:
    """A field as text, without the white space that copying brings along.

    A workspace's id may be given as a number and a policy as an object. A box that isn't ticked is as good as empty.
    """
    if value is None or value is False:
        return ""
    return (json.dumps(value) if isinstance(value, Mapping) else str(value)).strip()


def _missing(region: str, workspace: str) -> Iterator[Problem]:
    if not region:
        advice = "set it in Extra, for example 'cn-hangzhou', or give the argument region_id"
        yield Problem("region_id", f"is missing: {advice}")
    if not workspace:
        yield Problem("workspace_id", "is missing: set it in Extra, or give the argument workspace_id")


def _malformed(extra: Mapping[str, str]) -> Iterator[Problem]:
    for name, (is_good, advice) in _FORMS.items():
        if (value := extra.get(name)) and not is_good(value):
            yield Problem(name, f"must be {advice}" + ("" if name in _NOT_SHOWN else f", not {value!r}"))


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


_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
_NOT_SHOWN = ("external_id", "policy", "credentials_uri")
_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    **CREDENTIAL_FORMS,
    "region_id": (re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch, "a region's id such as 'cn-hangzhou'"),
    "network": (NETWORKS.__contains__, "'public' or 'vpc'"),
    "endpoint": (_is_url, "a URL such as 'https://pai.cn-hangzhou.aliyuncs.com'"),
    "oss_endpoint": (_is_url, "a URL such as 'https://oss-cn-hangzhou.aliyuncs.com'"),
    "sts_endpoint": (_is_url, "a URL such as 'https://sts.cn-hangzhou.aliyuncs.com'"),
    "credentials_uri": (_is_url, "a URL such as 'http://localhost:8080/credentials'"),
    "log_delay": (re.compile(r"\d{1,3}(?:\.\d+)?").fullmatch, "seconds, from 0 to 999"),
    "package_members": (lambda text: text.lower() in _TRUTHS, "'true' or 'false'"),
    "bucket": (_is_bucket, "a bucket's name such as 'my-bucket'"),
}
