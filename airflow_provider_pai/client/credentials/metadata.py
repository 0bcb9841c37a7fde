"""Key pairs from services that hand them out for a GET: the ECS metadata service, or one of the user's own.

Asked by ourselves: the vendor's library (1.0.12) sends these requests through any proxy of the environment, whatever
``NO_PROXY`` says, so that a machine's own role would be asked for on the proxy's machine; and it starts a thread for
each ECS role.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from airflow_provider_pai.api.endpoints import is_loopback
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.provider import TemporaryCredentials
from airflow_provider_pai.client.credentials.sources import CredentialsUri, EcsRole
from airflow_provider_pai.errors import CredentialsError, TransportError

METADATA_URL = "http://100.100.100.200"
_METADATA_TIMEOUT = (1.0, 5.0)
_TIMEOUT = (5.0, 10.0)
_ROLES = "/latest/meta-data/ram/security-credentials/"
_TOKEN_SECONDS = "21600"  # noqa: S105 - how long a token shall live
_ECS, _URI = "ECS metadata service", "credentials_uri"


def request_ecs_role(wanted: EcsRole, url: str = METADATA_URL) -> TemporaryCredentials:
    """Return a key pair of the RAM role of this ECS instance.

    Args:
        wanted: which role.
        url: base URL of the metadata service.

    Raises:
        CredentialsError: there is no such role, or only IMDSv1 where it isn't wanted.
        TransportError: the service gives no usable answer now.
    """
    with requests.Session() as session:
        session.trust_env = False
        headers = _token_header(session, wanted, url)
        name = wanted.name or _attached_role(session, url, headers)
        answer = _get(session, _ECS, url + _ROLES + quote(name, safe=""), headers, _METADATA_TIMEOUT)
        if answer.status_code == 404:
            message = f"this ECS instance has no RAM role {name!r}"
            raise CredentialsError(_ECS, 404, "", message, check="role_name")
        return _credentials(_ECS, answer, "role_name")


def request_from_uri(wanted: CredentialsUri) -> TemporaryCredentials:
    """Return a key pair from a service of the user's own.

    Raises:
        CredentialsError: the service refuses.
        TransportError: it gives no usable answer now.
    """
    with requests.Session() as session:
        session.trust_env = not is_loopback(wanted.uri)
        return _credentials(_URI, _get(session, _URI, wanted.uri, {}, _TIMEOUT), "credentials_uri")


def _token_header(session: requests.Session, wanted: EcsRole, url: str) -> dict[str, str]:
    """Return what IMDSv2 asks for; nothing when there is no token to be had and IMDSv1 will do."""
    asked = {"X-aliyun-ecs-metadata-token-ttl-seconds": _TOKEN_SECONDS}
    try:
        answer = _get(session, _ECS, f"{url}/latest/api/token", asked, _METADATA_TIMEOUT, method="PUT")
    except TransportError:
        # Behind a container's network the answer of IMDSv2 may be one hop too far away, while IMDSv1 can be reached.
        if not wanted.imdsv1:
            raise
        return {}
    if answer.ok:
        return {"X-aliyun-ecs-metadata-token": answer.text}
    if not wanted.imdsv1:
        message = "it gives no token (IMDSv2), and IMDSv1 is disabled"
        raise CredentialsError(_ECS, answer.status_code, "", message, check="disable_imdsv1")
    return {}


def _attached_role(session: requests.Session, url: str, headers: Mapping[str, str]) -> str:
    answer = _get(session, _ECS, url + _ROLES, headers, _METADATA_TIMEOUT)
    names = answer.text.split() if answer.ok else []
    if not names:
        message = "no RAM role is attached to this ECS instance"
        raise CredentialsError(_ECS, answer.status_code, "", message, check="credential_type")
    return names[0]


def _get(
    session: requests.Session,
    name: str,
    url: str,
    headers: Mapping[str, str],
    timeout: tuple[float, float],
    method: str = "GET",
) -> requests.Response:
    host = urlsplit(url).hostname
    try:
        answer = session.request(method, url, headers=dict(headers), timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        # The error's own text holds the URL.
        raise TransportError(f"{name}: no answer from {host} ({type(error).__name__})", sent=False) from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise TransportError(f"{name}: HTTP {answer.status_code} from {host}", sent=False)
    return answer


def _credentials(name: str, answer: requests.Response, check: str) -> TemporaryCredentials:
    """Read the document that both services give; nothing of it may get into an error."""
    if answer.status_code != 200:
        message = f"HTTP {answer.status_code} instead of a key pair"
        raise CredentialsError(name, answer.status_code, "", message, check=check)
    try:
        body: Mapping[str, Any] = answer.json()
        if body["Code"] != "Success":
            raise ValueError
        keys = KeyPair(*(_word(body[key]) for key in ("AccessKeyId", "AccessKeySecret", "SecurityToken")))
        expires = datetime.fromisoformat(body["Expiration"])
        if expires.tzinfo is None:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        wanted = "Code 'Success', AccessKeyId, AccessKeySecret, SecurityToken and Expiration"
        raise TransportError(f"{name}: the answer is not a JSON object with {wanted}", sent=False) from None
    return TemporaryCredentials(keys, expires.timestamp())


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value
