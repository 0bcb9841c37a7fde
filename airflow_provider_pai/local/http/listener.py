"""One HTTP server of local PAI: a port of the loopback interface, a thread, an application."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_pai.local.http.faults import CUT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
_PATIENCE = 60.0
_GRACE = 2
_IDLE = 60
"""Seconds that a connection may be idle. With the 5 of uvicorn's a client on a busy machine may meet its very end."""


class CuttableProtocol(H11Protocol):
    """Lets the application cut a request's connection; ASGI itself has no way to end one without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Give the requests of this connection the function that cuts it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class DatedApp:
    """ASGI middleware that dates answers by the server's clock, so that clients can correct theirs by it."""

    def __init__(self, app: ASGIApp, now: Callable[[], datetime]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and add the header ``Date`` if the application sets none."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if b"date" not in {name.lower() for name, _ in headers}:
                    headers.append((b"date", format_datetime(self._now(), usegmt=True).encode()))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, dated)


class Listener:
    """Serves an application on a port of 127.0.0.1 until it is closed."""

    def __init__(self, name: str, port: int) -> None:
        """Take the port; connections wait until :meth:`start`.

        Args:
            name: what its thread is called.
            port: TCP port; 0 for any free one.

        Raises:
            OSError: the port is taken.
        """
        self._name = name
        # Named, or asyncio leaves Nagle's algorithm on, and a short answer waits 40 ms for its second half to be sent.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, f"port {port} of {HOST} can't be used: {error.strerror}") from error
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def start(self, app: ASGIApp, now: Callable[[], datetime]) -> None:
        """Serve an application, and return when it answers.

        Args:
            app: what answers.
            now: the server's time, for the header ``Date``.

        Raises:
            RuntimeError: it did not start.
        """
        config = uvicorn.Config(
            DatedApp(app, now),
            http=CuttableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            # It would announce both servers' coming and going in a task's log.
            log_level="warning",
            # A line of the access log would hold the signature of a presigned URL.
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, args=([self._socket],), name=self._name, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _PATIENCE
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"the server {self._name} did not start")
            time.sleep(0.005)

    def end(self) -> None:
        """Take no more connections; :meth:`close` waits for those there are."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Answer the requests that are under way, for two seconds at most, and give the port back."""
        self.end()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()
