"""An HTTP server on loopback that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devtools.processes import free_port

Answer = tuple[int, Any]
"""HTTP status and body: text as it is, anything else as JSON."""


@dataclass(frozen=True)
class Asked:
    """A request that arrived; the names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class StubServer:
    """Answers with what a function returns for each request."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _reply(self) -> None:
                url = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
                stub.asked.append(asked)
                status, answered = answer(asked)
                content = answered if isinstance(answered, str) else json.dumps(answered)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content.encode())

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _reply  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> StubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def nowhere() -> str:
    """Return the URL of a port that nothing listens on, and nothing will while this process lives."""
    return f"http://127.0.0.1:{free_port()}"


def key_document(token: str = "token-1", expires: str = "2099-01-01T00:00:00Z", **changed: Any) -> dict[str, Any]:
    """Return what a metadata service hands out."""
    return {
        "Code": "Success",
        "AccessKeyId": "STS.id",
        "AccessKeySecret": "hunter2",
        "SecurityToken": token,
        "Expiration": expires,
        **changed,
    }
