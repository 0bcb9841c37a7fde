"""What a well-behaved client can't show: requests and answers cut off, bodies that are not wanted, failures of ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss import signing
from airflow_provider_pai.local.oss.app import oss_app
from airflow_provider_pai.local.oss.blobs import CHUNK
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.signing import OSSRequest

NOW = 1_735_787_045.0
PIECE = b"x" * CHUNK


@dataclass
class Exchange:
    """One request to the application, piece by piece, and what it answered."""

    method: str
    key: str
    pieces: list[bytes] = field(default_factory=list)
    ends: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    secret: str = "secret"
    received: int = 0
    sent: list[dict[str, object]] = field(default_factory=list)

    def scope(self) -> dict[str, object]:
        headers = {"date": formatdate(NOW, usegmt=True), "transfer-encoding": "chunked", **self.headers}
        text = signing.v1_string_to_sign(OSSRequest(self.method, "bkt", self.key, {}, headers), headers["date"])
        headers["authorization"] = f"OSS id:{signing.v1_signature(self.secret, text)}"
        return {
            "type": "http",
            "method": self.method,
            "path": f"/bkt/{self.key}",
            "raw_path": f"/bkt/{self.key}".encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }

    async def receive(self) -> dict[str, object]:
        self.received += 1
        if self.received <= len(self.pieces):
            more = self.received < len(self.pieces) or not self.ends
            return {"type": "http.request", "body": self.pieces[self.received - 1], "more_body": more}
        if self.received == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.ends:
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()

    async def send(self, message: dict[str, object]) -> None:
        self.sent.append(message)

    def run(self, app) -> Exchange:
        async def once() -> None:
            await asyncio.wait_for(app(self.scope(), self.receive, self.send), 600)

        asyncio.run(once())
        return self

    @property
    def status(self) -> object:
        return self.sent[0]["status"]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path) as store:
        store.create_bucket("bkt")
        yield store


@pytest.fixture
def app(store: ObjectStore):
    return oss_app(store, {"id": "secret"}.get, "cn-hangzhou", lambda: NOW)


def test_a_body_in_pieces_becomes_an_object(store, app):
    assert Exchange("PUT", "k", [PIECE, b"", b"tail"]).run(app).status == 200
    assert store.read("bkt", "k") == PIECE + b"tail"


def test_a_body_that_is_cut_off_stores_nothing_and_is_not_answered(store, app, tmp_path):
    exchange = Exchange("PUT", "k", [PIECE, PIECE], ends=False).run(app)
    assert exchange.sent == []
    assert store.list_objects("bkt").objects == ()
    assert [*(tmp_path / "staging").iterdir(), *(tmp_path / "blobs").iterdir()] == []


def test_a_refused_body_is_read_to_its_end_so_that_the_client_sees_the_refusal(app):
    exchange = Exchange("PUT", "k", [PIECE] * 3, secret="wrong").run(app)
    assert (exchange.status, exchange.received) == (403, 3)
    assert b"<Code>SignatureDoesNotMatch</Code>" in exchange.body


def test_a_client_that_leaves_while_it_is_refused_is_no_failure(app):
    assert Exchange("PUT", "k", [PIECE], ends=False, secret="wrong").run(app).sent == []


def test_an_object_is_closed_when_the_client_leaves(store, app, tmp_path):
    Exchange("PUT", "k", [PIECE, PIECE]).run(app)

    class Leaving(Exchange):
        async def send(self, message: dict[str, object]) -> None:
            if message["type"] == "http.response.body":
                raise OSError("gone")

    with pytest.raises((OSError, ExceptionGroup)):
        Leaving("GET", "k").run(app)
    links = [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert [link for link in links if link.is_relative_to(tmp_path / "blobs")] == []


def test_a_body_without_a_length_is_refused(app):
    class Lengthless(Exchange):
        def scope(self) -> dict[str, object]:
            scope = super().scope()
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"transfer-encoding"]
            return scope

    exchange = Lengthless("PUT", "k").run(app)
    assert (exchange.status, b"MissingContentLength" in exchange.body) == (411, True)


def test_an_unknown_method_is_refused(app):
    exchange = Exchange("PATCH", "k").run(app)
    assert (exchange.status, b"MethodNotAllowed" in exchange.body) == (405, True)


def test_a_refusal_of_head_has_no_body(app):
    exchange = Exchange("HEAD", "absent").run(app)
    assert (exchange.status, exchange.body) == (404, b"")
    assert b"x-oss-err" in dict(exchange.sent[0]["headers"])


def test_an_exception_is_an_internal_error_without_its_text(store):
    def broken(_access_key_id: str) -> str | None:
        raise LookupError(os.sep)

    exchange = Exchange("GET", "k")
    with pytest.raises(LookupError):
        exchange.run(oss_app(store, broken, "cn-hangzhou", lambda: NOW))
    assert (exchange.status, b"<Code>InternalError</Code>" in exchange.body) == (500, True)


@pytest.mark.parametrize("key", ["k", "absent"])
def test_an_unread_request_body_closes_the_connection_and_is_not_waited_for(store, app, key):
    class Silent(Exchange):
        async def receive(self) -> dict[str, object]:
            return await asyncio.Event().wait()

    Exchange("PUT", "k", [b"content"]).run(app)
    exchange = Silent("GET", key, headers={"content-length": "9"}).run(app)
    assert exchange.status == (200 if key == "k" else 404)
    assert dict(exchange.sent[0]["headers"])[b"connection"] == b"close"
