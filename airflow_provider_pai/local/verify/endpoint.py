"""The endpoint that is probed: a connection's URI, and signed requests to it."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from airflow_provider_pai.api import signing
from airflow_provider_pai.api.endpoints import AI_WORKSPACE, Network, Service, is_loopback, oss_url, service_url
from airflow_provider_pai.local.oss.signing import (
    V4_ALGORITHM,
    OSSRequest,
    Scope,
    v4_canonical_request,
    v4_signature,
    v4_string_to_sign,
)
from airflow_provider_pai.local.verify.requests import ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall

_SECONDS = 30.0
NO_RIGHT = ("NoPermission", "Forbidden", "AccessDenied")
"""How codes begin that say: the keys are right, and their user may not do this."""
_NETWORKS: Mapping[str, Network] = {"": "public", "public": "public", "vpc": "vpc"}


class NoAccess(ValueError):
    """The endpoint does not answer, or does not know the keys or the workspace: no probe could tell anything."""


@dataclass(frozen=True)
class Target:
    """Where to probe, and as whom.

    Attributes:
        current_keys: returns the key pair to sign with now.
        region_id: the region.
        workspace_id: the workspace that probes work in.
        endpoint: base URL of all services; empty for the region's own.
        oss_endpoint: base URL of OSS; empty for the region's own.
        network: ``public`` or ``vpc``: which hosts of the region are meant.
    """

    current_keys: Callable[[], signing.KeyPair] = field(repr=False)
    region_id: str
    workspace_id: str
    endpoint: str = ""
    oss_endpoint: str = ""
    network: Network = "public"

    @classmethod
    def of(cls, uri: str) -> Target:
        """Read the URI of an Airflow connection of type ``pai``.

        Raises:
            ValueError: something is missing or not to be read here; the message names it, and shows nothing of the
                URI.
        """
        if not uri.strip():
            raise ValueError("it is empty; name a connection of Airflow with --conn-id instead")
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise ValueError("it is no URI such as pai://id:secret@/?region_id=...") from None
        if parts.scheme not in ("pai", "alibaba-cloud", "alibaba_cloud"):
            raise ValueError(
                "it is no URI such as pai://id:secret@/?region_id=...; --conn-id reads connections in JSON"
            )
        extra = dict(parse_qsl(parts.query))
        if "__extra__" in extra or extra.get("credential_type", "access_key") not in ("access_key", "sts"):
            raise ValueError("its credentials are no key and secret; name the connection with --conn-id instead")
        login, password = unquote(parts.username or ""), unquote(parts.password or "")
        needed = {"login": login, "password": password, "region_id": extra.get("region_id", "")}
        needed["workspace_id"] = extra.get("workspace_id", "")
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"the connection lacks {', '.join(missing)}")
        if (network := _NETWORKS.get(extra.get("network", ""))) is None:
            raise ValueError("network must be 'public' or 'vpc'")
        keys = signing.KeyPair(login, password, extra.get("security_token"))
        places = [_with_scheme(extra.get(name, "")) for name in ("endpoint", "oss_endpoint")]
        return cls(lambda: keys, extra["region_id"], extra["workspace_id"], places[0], places[1], network)

    def check_access(self) -> str:
        """Ask for the workspace, and return the code with which that was refused for lack of a right; mostly empty.

        Raises:
            NoAccess: there was no answer, or one that says that keys or workspace are wrong.
        """
        host = urlsplit(self._url(AI_WORKSPACE)).netloc
        try:
            answer = self.send(ProbeCall(AI_WORKSPACE, "GetWorkspace", f"/api/v1/workspaces/{self.workspace_id}"))
        except OSError as error:
            text = f"{host} does not answer ({type(error).__name__}: {error}); check region_id, network and endpoint"
            raise NoAccess(text) from error
        if answer.is_done or answer.code.startswith(NO_RIGHT):
            return answer.code
        code = answer.code or "an answer that is not PAI's"
        advice = "access key, secret and security_token, workspace_id and region_id"
        raise NoAccess(f"{host} refuses GetWorkspace: {code} (HTTP {answer.status}); check {advice}")

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        """Send one request to an API. See :class:`Endpoint`."""
        base = urlsplit(self._url(ask.service))
        content = b"" if ask.body is None else json.dumps(ask.body).encode()
        headers = self._signed(ask, base.netloc, content) if ask.headers is None else {**ask.headers}
        text = signing.canonical_query([*ask.query.items()])
        url = f"{ask.path}?{text}" if text else ask.path
        sent = content if ask.content is None else ask.content
        status, _, answer = _exchange(base.scheme, base.netloc, ask.method, url, sent, {**headers, **ask.unsigned})
        return ProbeAnswer(status, _read_object(answer))

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        """Send one request to OSS. See :class:`Endpoint`."""
        base = urlsplit(self.oss_endpoint or oss_url(self.region_id, self.network))
        keys = self.current_keys()
        now = datetime.now(UTC)
        headers = {**ask.headers, "x-oss-date": f"{now:%Y%m%dT%H%M%SZ}", "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
        headers.setdefault("content-type", "application/octet-stream")
        if keys.security_token is not None:
            headers["x-oss-security-token"] = keys.security_token
        scope = Scope(f"{now:%Y%m%d}", self.region_id)
        signed = OSSRequest(ask.method, ask.bucket, ask.key, ask.query, headers)
        text = v4_string_to_sign(v4_canonical_request(signed), scope, headers["x-oss-date"])
        signature = v4_signature(keys.access_key_secret, scope, text)
        credential = f"Credential={keys.access_key_id}/{scope}"
        headers["authorization"] = f"{V4_ALGORITHM} {credential},Signature={signature}"
        url = _object_url(ask, below=is_loopback(f"{base.scheme}://{base.netloc}"))
        host = base.netloc if is_loopback(f"{base.scheme}://{base.netloc}") else f"{ask.bucket}.{base.netloc}"
        return ObjectAnswer(*_exchange(base.scheme, host, ask.method, url, ask.content, headers))

    def _url(self, service: Service) -> str:
        return self.endpoint or service_url(service, self.region_id, self.network)

    def _signed(self, ask: ProbeCall, host: str, content: bytes) -> dict[str, str]:
        request = signing.Request(ask.method, ask.path, [*ask.query.items()], (), content)
        return signing.signed_headers(
            request,
            action=ask.action,
            version=ask.service.version,
            host=host,
            keys=self.current_keys(),
            date=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            nonce=ask.nonce or secrets.token_hex(16),
        )


def _exchange(
    scheme: str, host: str, method: str, url: str, content: bytes, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Send a request on a connection of its own, and return status, headers and body of the answer."""
    kind = http.client.HTTPConnection if scheme == "http" else http.client.HTTPSConnection
    connection = kind(host, timeout=_SECONDS)
    try:
        connection.request(method, url, content or None, headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    except http.client.HTTPException as error:
        raise OSError(f"{method}: {type(error).__name__}") from error
    finally:
        connection.close()


def _object_url(ask: ObjectCall, *, below: bool) -> str:
    """Return path and query; ``below`` a host that many buckets share, the bucket is in the path."""
    path = f"/{ask.bucket}/{quote(ask.key, safe='')}" if below else f"/{quote(ask.key, safe='')}"
    query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" if v else quote(n) for n, v in ask.query.items())
    return f"{path}?{query}" if query else path


def _with_scheme(endpoint: str) -> str:
    return endpoint if not endpoint or "://" in endpoint else f"https://{endpoint}"


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
