"""A Redis server of its own, in a temporary folder: the broker of a CeleryExecutor."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from devtools.processes import HOST, Processes, free_port
from devtools.waits import wait_for

_READY_SECONDS = 180.0


class Redis:
    """A context manager: inside of it the server answers, after it neither the process nor its folder is there.

    Raises:
        FileNotFoundError: on entering, when no server is installed; Debian's package is redis-server.
        WaitTimeoutError: on entering, when it does not answer in time.
    """

    def __init__(self) -> None:
        self._port = free_port()
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis://{HOST}:{self._port}/0"

    def __enter__(self) -> Self:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("there is no redis-server here; Debian's package is redis-server")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redis-")))
            processes = stack.enter_context(Processes())
            command = [program, "--port", str(self._port), "--bind", HOST, "--dir", str(folder), "--save", ""]
            environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
            processes.start("redis", command, log=folder / "log", env=environment, cwd=folder)
            wait_for(self._is_up, bool, "Redis to answer", timeout=_READY_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _is_up(self) -> bool:
        try:
            with socket.create_connection((HOST, self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
