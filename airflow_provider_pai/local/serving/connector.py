"""How an instance's ports are reached from outside of it."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkStream, ConnectError

from airflow_provider_pai.local.running.ports import LOOPBACK
from airflow_provider_pai.local.serving.relay import LIST, LISTENS, OUTSIDE, SOCKET

_CONNECT_SECONDS = 5.0
_LIST_SECONDS = 1.0
_LIST_BYTES = 64 * 1024
_FROM_OUTSIDE = OUTSIDE if sys.platform == "linux" else LOOPBACK
"""Where an instance without a network of its own is reached; only Linux has all addresses that begin with 127."""


class Connector(Protocol):
    """Connects to ports of one instance."""

    async def connect(self, options: Iterable[SOCKET_OPTION] | None = None) -> AsyncNetworkStream:
        """Connect to the port that it serves on.

        Raises:
            NetworkError, TimeoutException, ConnectionRefusedError: nothing listens there.
        """

    def probe(self, port: int, seconds: float) -> socket.socket:
        """Connect to one of its ports; the caller closes the connection.

        Args:
            port: a port as the instance's configuration names it.
            seconds: how long to wait, also for what is read from the connection later.

        Raises:
            OSError: nothing listens there.
        """

    def listening(self) -> list[tuple[str, int]]:
        """Return the addresses that the instance listens on, host and port, as far as that can be told."""

    def close(self) -> None:
        """Free what was held."""


class RelayConnector:
    """Reaches an instance with a network of its own, through its relay.

    Args:
        folder: where the relay makes its socket.
        port: the port that it serves on.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        self._folder: int | None = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        self._lock = threading.Lock()

    async def connect(self, options: Iterable[SOCKET_OPTION] | None = None) -> AsyncNetworkStream:
        """Connect to the port that it serves on. See :meth:`Connector.connect`."""
        with self._socket() as path:
            stream = await AnyIOBackend().connect_unix_socket(path, _CONNECT_SECONDS, options)
        try:
            await stream.write(b"%d\n" % self._port, _CONNECT_SECONDS)
            answer = await stream.read(len(LISTENS), _CONNECT_SECONDS)
        except BaseException:
            await stream.aclose()
            raise
        if answer != LISTENS:
            await stream.aclose()
            raise ConnectError(f"nothing listens at port {self._port}")
        return stream

    def probe(self, port: int, seconds: float) -> socket.socket:
        """Connect to one of its ports. See :meth:`Connector.probe`."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(seconds)
            with self._socket() as path:
                connection.connect(path)
            connection.sendall(b"%d\n" % port)
            if connection.recv(len(LISTENS)) != LISTENS:
                raise ConnectionRefusedError(f"nothing listens at port {port}")
        except OSError:
            connection.close()
            raise
        return connection

    def listening(self) -> list[tuple[str, int]]:
        """Return the addresses that the instance listens on. See :meth:`Connector.listening`."""
        lines = b""
        with contextlib.suppress(OSError), self._socket() as path, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LIST_SECONDS)
            connection.connect(path)
            connection.sendall(LIST)
            while len(lines) < _LIST_BYTES and (read := connection.recv(_LIST_BYTES)):
                lines += read
        pairs = (line.split() for line in lines.decode("ascii", "replace").splitlines())
        return [(pair[0], int(pair[1])) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()]

    def close(self) -> None:
        """Close the folder; nothing can be connected any more."""
        with self._lock:
            if self._folder is not None:
                os.close(self._folder)
            self._folder = None

    @contextlib.contextmanager
    def _socket(self) -> Iterator[str]:
        """Give the socket's path, through a number for the folder: a socket's path has 107 bytes at most.

        The number is one of its own, because another folder may have it as soon as it is closed.
        """
        with self._lock:
            if self._folder is None:
                raise ConnectionRefusedError("the instance has ended")
            folder = os.dup(self._folder)
        try:
            yield f"/proc/self/fd/{folder}/{SOCKET}"
        finally:
            os.close(folder)


class PortConnector:
    """Reaches an instance that shares this machine's network.

    Args:
        port: the port that its configuration names.
        real: the port that it was given for it.
    """

    def __init__(self, port: int, real: int) -> None:
        self._port = port
        self._real = real

    async def connect(self, options: Iterable[SOCKET_OPTION] | None = None) -> AsyncNetworkStream:
        """Connect to the port that it serves on. See :meth:`Connector.connect`."""
        return await AnyIOBackend().connect_tcp(_FROM_OUTSIDE, self._real, _CONNECT_SECONDS, None, options)

    def probe(self, port: int, seconds: float) -> socket.socket:
        """Connect to one of its ports. See :meth:`Connector.probe`."""
        return socket.create_connection((_FROM_OUTSIDE, self._real if port == self._port else port), seconds)

    def listening(self) -> list[tuple[str, int]]:
        """Return the loopback address if the instance listens there. See :meth:`Connector.listening`."""
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, self._real), _LIST_SECONDS).close()
            return [(LOOPBACK, self._port)]
        return []

    def close(self) -> None:
        """Nothing was held."""
