"""The endpoint that is probed: a connection's URI, and signed requests to it."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_pai.api import signing
from airflow_provider_pai.api.endpoints import Service, service_url

_SECONDS = 30.0


@dataclass(frozen=True)
class ProbeAnswer:
    """What came back.

    Attributes:
        status: HTTP status.
        body: the JSON object; empty when it was none.
    """

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def code(self) -> str:
        """The error's code; empty for none."""
        return str(self.body.get("Code") or "") if self.status != http.client.OK else ""


class Send(Protocol):
    """Sends one request."""

    def __call__(
        self,
        service: Service,
        action: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        nonce: str = "",
    ) -> ProbeAnswer:
        """Return the answer.

        Raises:
            OSError: there was none.
        """


@dataclass(frozen=True)
class Target:
    """Where to probe, and as whom.

    Attributes:
        keys: who signs.
        region_id: the region.
        workspace_id: the workspace that experiments are made in.
        endpoint: base URL of all services; empty for the region's own.
    """

    keys: signing.KeyPair = field(repr=False)
    region_id: str
    workspace_id: str
    endpoint: str = ""

    @classmethod
    def of(cls, uri: str) -> Target:
        """Read the URI of an Airflow connection of type ``pai``.

        Raises:
            ValueError: something is missing; the message names it, and shows nothing of the URI.
        """
        parts = urlsplit(uri)
        extra = dict(parse_qsl(parts.query))
        login, password = unquote(parts.username or ""), unquote(parts.password or "")
        needed = {"login": login, "password": password, "region_id": extra.get("region_id", "")}
        needed["workspace_id"] = extra.get("workspace_id", "")
        if missing := [name for name, value in needed.items() if not value]:
            raise ValueError(f"the connection lacks {', '.join(missing)}")
        keys = signing.KeyPair(login, password, extra.get("security_token"))
        return cls(keys, extra["region_id"], extra["workspace_id"], extra.get("endpoint", ""))

    def send(
        self,
        service: Service,
        action: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        nonce: str = "",
    ) -> ProbeAnswer:
        """Send one request. See :class:`Send`."""
        base = urlsplit(self.endpoint or service_url(service, self.region_id))
        content = b"" if body is None else json.dumps(body).encode()
        request = signing.Request(method, path, [*query.items()], (), content)
        headers = signing.signed_headers(
            request,
            action=action,
            version=service.version,
            host=base.netloc,
            keys=self.keys,
            date=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            nonce=nonce or secrets.token_hex(16),
        )
        kind = http.client.HTTPConnection if base.scheme == "http" else http.client.HTTPSConnection
        connection = kind(base.netloc, timeout=_SECONDS)
        try:
            text = signing.canonical_query([*query.items()])
            connection.request(method, f"{path}?{text}" if text else path, content or None, headers)
            response = connection.getresponse()
            return ProbeAnswer(response.status, _read_object(response.read()))
        except http.client.HTTPException as error:
            raise OSError(f"{action}: {type(error).__name__}") from error
        finally:
            connection.close()


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
