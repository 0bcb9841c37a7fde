"""Bytes that no client of HTTP sends: each is answered as a mistake of the client, or not at all, and soon."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from airflow_provider_pai.local.server import LocalPAI
from tests.support.waits import PATIENCE

START = b" HTTP/1.1\r\nHost: a\r\n"
ODD = {
    "nothing of HTTP": b"\x00\x01\x02\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("160301020001fc0303") + b"x" * 500,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /" + START + b"Host: b\r\n\r\n",
    "a long header": b"GET /" + START + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /" + START + b"X-A: b\r\n" * 5_000 + b"\r\n",
    "a long path": b"GET /" + b"a" * 60_000 + START + b"\r\n",
    "an address of elsewhere": b"GET http://elsewhere/x" + START + b"\r\n",
    "a star": b"OPTIONS *" + START + b"\r\n",
    "CONNECT": b"CONNECT a:1" + START + b"\r\n",
    "a negative length": b"PUT /b/k" + START + b"Content-Length: -1\r\n\r\n",
    "two lengths": b"PUT /b/k" + START + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length of many digits": b"PUT /b/k" + START + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "length and chunks": b"PUT /b/k" + START + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no length": b"PUT /b/k" + START + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nxx\r\n0\r\n\r\n",
    "another encoding": b"PUT /b/k" + START + b"Transfer-Encoding: gzip\r\n\r\n",
    "another protocol": b"GET /"
    + START
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "a NUL": b"GET /a\x00b" + START + b"\r\n",
    "bytes above ASCII": "GET /é".encode() + START + b"\r\n",
    "half an escape": b"GET /%zz%f" + START + b"\r\n",
    "no UTF-8": b"GET /%ff%fe" + START + b"\r\n",
    "folders above": b"GET /../../etc/passwd" + START + b"\r\n",
    "a folded header": b"GET /" + START + b"X: a\r\n b\r\n\r\n",
    "the admin routes": b"POST /%5flocal/reset" + START + b"Content-Length: 0\r\n\r\n",
    "a service's name with a line break": b"GET /api/predict/x%0a" + START + b"\r\n",
    "pages": b"GET /pages/jobs/%2e%2e%2f" + START + b"\r\n",
}


def answer_of(address: str, sent: bytes, seconds: float = PATIENCE) -> bytes:
    """Return the first line of what comes; empty when the connection is closed without an answer."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        try:
            connection.sendall(sent)
            return connection.recv(65_536).partition(b"\r\n")[0]
        except ConnectionError:
            return b""


@pytest.mark.parametrize("service", ["api", "oss"])
@pytest.mark.parametrize("name", ODD)
def test_odd_bytes_are_a_mistake_of_the_client(local_pai: LocalPAI, service: str, name: str) -> None:
    line = answer_of(getattr(local_pai.ready, service), ODD[name])
    assert not line or line.split()[1][:1] in (b"3", b"4"), line


@pytest.mark.parametrize("service", ["api", "oss"])
def test_a_body_that_is_promised_and_does_not_come_is_not_waited_for_for_ever(
    local_pai: LocalPAI, service: str
) -> None:
    sent = b"PUT /absent-bucket/k" + START + b"Content-Length: 2147483648\r\n\r\nabc"
    assert answer_of(getattr(local_pai.ready, service), sent).split()[1][:1] == b"4"


def test_clients_that_send_nothing_more_do_not_keep_others_from_one(local_pai: LocalPAI) -> None:
    parts = urlsplit(local_pai.ready.oss)
    waiting = [socket.create_connection((parts.hostname, parts.port)) for _ in range(60)]
    try:
        for number, connection in enumerate(waiting):
            head = b"PUT /absent-bucket/k" + START
            connection.sendall(head + (b"Content-Length: 1000\r\n\r\nabc" if number % 2 else b"X-"))
        assert answer_of(local_pai.ready.oss, b"GET /" + START + b"\r\n").split()[1] == b"403"
    finally:
        for connection in waiting:
            connection.close()
