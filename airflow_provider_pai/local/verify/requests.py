"""What probes ask and what they get: one request to an API, one to OSS, and who sends them."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_pai.api.endpoints import Service


@dataclass(frozen=True)
class ProbeCall:
    """One request to an API.

    Attributes:
        service: the product; its version is the one that is sent.
        action: the operation's name.
        path: path below the host.
        method: HTTP method.
        query: parameters.
        body: a JSON value; None for no body.
        nonce: the nonce to sign with; empty for a new one.
        unsigned: headers that are added behind the signature.
        content: bytes to send in the place of those that were signed.
        headers: all headers to send, for a request that is not signed at all; None for a signed one.
    """

    service: Service
    action: str
    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    nonce: str = ""
    unsigned: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ProbeAnswer:
    """What an API answered.

    Attributes:
        status: HTTP status.
        body: the JSON object; empty when it was none.
    """

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def code(self) -> str:
        """The error's code; empty for none."""
        return "" if self.is_done else str(self.body.get("Code") or "")

    @property
    def is_done(self) -> bool:
        """Whether the operation was carried out."""
        return self.status == http.client.OK

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return the objects of a list in it; none when there is no such list."""
        listed = self.body.get(name)
        return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


@dataclass(frozen=True)
class ObjectCall:
    """One request to OSS.

    Attributes:
        method: HTTP method.
        bucket: the bucket.
        key: the object; empty for the bucket itself.
        query: parameters.
        headers: further headers, by lower-case name.
        content: the body.
    """

    method: str
    bucket: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True)
class ObjectAnswer:
    """What OSS answered.

    Attributes:
        status: HTTP status.
        headers: by lower-case name.
        content: the body.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_done(self) -> bool:
        """Whether the operation was carried out."""
        return self.status < http.client.MULTIPLE_CHOICES

    @property
    def is_refused(self) -> bool:
        """Whether it says that nothing was done; a server that failed may have done it."""
        return http.client.BAD_REQUEST <= self.status < http.client.INTERNAL_SERVER_ERROR

    @property
    def code(self) -> str:
        """The error's code; empty for none."""
        found = self.text("Code")
        return "" if self.is_done else found

    def text(self, name: str) -> str:
        """Return the text of the first element of a name in the XML; empty when there is none."""
        _, _, behind = self.content.decode("utf-8", "replace").partition(f"<{name}>")
        return behind.partition(f"</{name}>")[0]


class Endpoint(Protocol):
    """Sends requests to the endpoint that is probed."""

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        """Return an API's answer.

        Raises:
            OSError: there was none.
        """

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        """Return OSS's answer.

        Raises:
            OSError: there was none.
        """
