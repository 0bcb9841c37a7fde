"""From the fields of an Airflow connection to a client's configuration; pure."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import STS, Network, service_url
from airflow_provider_pai.client.transport.config import LOG_DELAY, ClientConfig
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.connection_credentials import CREDENTIAL_FORMS, credentials_problems, read_credentials
from airflow_provider_pai.hooks.connection_form import FIELDS
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import as_text
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import kind, shown

NETWORKS = ("public", "vpc")
_PREFIX = "extra__pai__"
"""What old forms of Airflow put before the names of fields."""
TYPES = ("pai", "alibaba_cloud")
"""Types of connections that can be read."""
_OTHER_FIELDS = ("access_key_id", "access_key_secret", "region")
"""Members of Extra that the form has no field for."""


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

    @classmethod
    def of(cls, conn_id: str, connection: Any) -> ConnectionFields:
        """Return the fields of an Airflow connection.

        Raises:
            SpecError: it is one of another type, or its Extra holds no object.
        """
        owner = f"connection {shown(conn_id)}"
        kind = connection.conn_type
        if kind is not None and (not isinstance(kind, str) or kind not in ("", *TYPES)):
            text = f": {owner} is of type {shown(kind)}; name one of type {' or '.join(map(repr, TYPES))}"
            raise SpecError([Problem("pai_conn_id", text)])
        # Airflow's own reader logs what it can't read, secrets and all.
        extra = _object(connection.extra)
        if extra is None:
            text = 'must be a JSON object, for example {"region_id": "cn-hangzhou", "workspace_id": "12345"}'
            raise SpecError([Problem("extra", text, of=owner)])
        return cls(conn_id, connection.login, connection.password, extra)

    def unknown(self) -> list[str]:
        """Return what nothing reads in Extra, each with the field that it may have been meant for."""
        known = {*FIELDS, *_OTHER_FIELDS}
        strange = sorted(shown(name).strip("'") for name in set(self.extra) - known)
        near = {name: difflib.get_close_matches(name, known, n=1) for name in strange}
        return [f"{name!r}" + (f" (did you mean {near[name][0]!r}?)" if near[name] else "") for name in strange]


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
    given = {name: _argument(value) for name, value in {"region_id": region_id, "workspace_id": workspace_id}.items()}
    if wrong := [name for name, text in given.items() if text is None]:
        values = {"region_id": region_id, "workspace_id": workspace_id}
        raise SpecError(Problem(name, f"must be a text, not {kind(values[name])}") for name in wrong)
    region = given["region_id"] or extra.get("region_id") or extra.get("region", "")
    workspace = given["workspace_id"] or extra.get("workspace_id", "")
    found = [
        *credentials_problems(extra),
        *_missing(region, workspace),
        *_malformed({**extra, "region_id": region, "workspace_id": workspace}),
    ]
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
    try:
        return json.dumps(value) if isinstance(value, Mapping) else str(value).strip()
    except Exception:  # noqa: BLE001 - a value of any class: its text may raise anything
        # Such as a number of more digits than Python writes down; no field's.
        return "what has no text"


def _argument(value: object) -> str | None:
    """Return what a task's argument says, which a template may have made a number of; None for what is no text."""
    if value is None:
        return ""
    text = None if isinstance(value, os.PathLike) else as_text(value)
    return None if text is None else text.strip()


def _object(extra: object) -> dict[str, Any] | None:
    """Return a connection's Extra; None for what is no object. A text in JSON may hold it once more as JSON."""
    read: Any = extra
    for _ in range(2):
        if isinstance(read, str):
            try:
                read = json.loads(read) if read.strip() else {}
            except (ValueError, RecursionError):
                return None
    if read is None:
        return {}
    return (
        {str(name).removeprefix(_PREFIX): value for name, value in read.items()} if isinstance(read, Mapping) else None
    )


def _missing(region: str, workspace: str) -> Iterator[Problem]:
    if not region:
        advice = "set it in Extra, for example 'cn-hangzhou', or give the argument region_id"
        yield Problem("region_id", f"is missing: {advice}")
    if not workspace:
        yield Problem("workspace_id", "is missing: set it in Extra, or give the argument workspace_id")


def _malformed(extra: Mapping[str, str]) -> Iterator[Problem]:
    for name, (is_good, advice) in _FORMS.items():
        if (value := extra.get(name)) and not is_good(value):
            yield Problem(name, f"must be {advice}" + ("" if name in _NOT_SHOWN else f", not {shown(value)}"))


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        is_plain = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and "@" not in url.netloc
        return is_plain and text.isascii() and text.isprintable() and " " not in text
    except ValueError:
        return False


def _is_oss_url(text: str) -> bool:
    """Whether a URL is that of a region: the bucket's name is put before it."""
    return _is_url(text) and not _BUCKET_HOST.match(urlsplit(text).hostname or "")


def _is_workspace(text: str) -> bool:
    return bool(_WORKSPACE.fullmatch(text)) and text.lower() not in _NO_NAMES


def _is_region(text: str) -> bool:
    return bool(_REGION.fullmatch(text)) and text not in _NO_NAMES


def _is_sendable(text: str) -> bool:
    """Whether a header can carry a text: one line of visible ASCII."""
    return bool(_SENDABLE.fullmatch(text))


def _is_bucket(text: str) -> bool:
    try:
        return OssUri.parse(f"oss://{text}/") == OssUri(text, "")
    except ValueError:
        return False


_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_REGION = re.compile(r"(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*")
_NO_NAMES = ("none", "null", "nan", "inf", "undefined")
"""What templates leave of a value that is not there."""
_SENDABLE = re.compile(r"[!-~]+")
_BUCKET_HOST = re.compile(r"[^.]+\.oss-[a-z0-9-]+\.aliyuncs\.com$")
_ONE_LINE = "one line of letters, digits and signs without spaces, as PAI's console shows it; copy it anew"
_KEY_PARTS = ("access_key_id", "access_key_secret", "security_token")
_NOT_SHOWN = (*_KEY_PARTS, "external_id", "policy", "credentials_uri")
_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    **CREDENTIAL_FORMS,
    **dict.fromkeys(_KEY_PARTS, (_is_sendable, _ONE_LINE)),
    "workspace_id": (_is_workspace, "a workspace's id such as '12345', which PAI's console shows beside its name"),
    "region_id": (_is_region, "a region's id such as 'cn-hangzhou'"),
    "network": (NETWORKS.__contains__, "'public' or 'vpc'"),
    "endpoint": (_is_url, "a URL such as 'https://pai.cn-hangzhou.aliyuncs.com'"),
    "oss_endpoint": (_is_oss_url, "a URL such as 'https://oss-cn-hangzhou.aliyuncs.com', without bucket"),
    "sts_endpoint": (_is_url, "a URL such as 'https://sts.cn-hangzhou.aliyuncs.com'"),
    "credentials_uri": (_is_url, "a URL such as 'http://localhost:8080/credentials'"),
    "log_delay": (re.compile(r"\d{1,3}(?:\.\d+)?").fullmatch, "seconds, from 0 to 999"),
    "package_members": (lambda text: text.lower() in _TRUTHS, "'true' or 'false'"),
    "bucket": (_is_bucket, "a bucket's name such as 'my-bucket'"),
}
