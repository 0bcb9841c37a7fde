"""One running Docker container: its output, its signals, its end."""

from __future__ import annotations

import io
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from docker.models.containers import Container
from docker.utils.socket import frames_iter

from airflow_provider_pai.local.running.engine import Engine, EngineError, asking
from airflow_provider_pai.local.running.output import each_line
from airflow_provider_pai.local.running.pid_namespace import LINGER
from airflow_provider_pai.local.running.runtime import Identity, LineSink

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

logger = logging.getLogger(__name__)

LOST = 125
"""Exit code when the engine can't tell the command's own, as of ``docker run``."""
_LAST_LINES_SECONDS = 5.0
_SCRIPT = f"""
exec 3<&0 </dev/null 2>/dev/null
(trap '' TERM; read -r _ <&3; kill -s KILL -- -1) >/dev/null &
watch=$!
exec 3<&-
[ -d "$HOME/.local/bin" ] && PATH="$HOME/.local/bin:$PATH"
(exec 2>&1; exec "$@")
{LINGER.replace("looks=", "kill -s KILL $watch; looks=", 1)}
"""
"""The container's first process.

It runs the command as its child, because a first process would not get SIGTERM, and it ends everything as soon as its
input ends: when the server is gone, by whatever signal."""
_TERMINATE = "kill -s TERM -- -1"


class ContainerInstance:
    """A container that runs from its construction on; closing removes it.

    Args:
        engine: runs it.
        options: what the library creates it with; ``command`` is a list.
        line: gets each line of its output.

    Raises:
        EngineError: it can't be started.
    """

    def __init__(self, engine: Engine, options: Mapping[str, Any], line: LineSink) -> None:
        self._engine = engine
        self._code: int | None = None
        with asking("the Docker engine can't make the container"):
            self._container = engine.client.containers.create(
                **options, entrypoint=["/bin/sh", "-c", _SCRIPT, "sh"], stdin_open=True
            )
        try:
            with asking("the Docker engine can't start the container"):
                self._attached = _Attached(self._container)
                self._container.start()
        except EngineError:
            self._remove()
            raise
        self._reader = threading.Thread(target=self._watch, args=(line,), daemon=True)
        self._reader.start()

    @property
    def identity(self) -> Identity:
        """Id of the container."""
        return (str(self._container.id),)

    def exit_code(self) -> int | None:
        """Return the command's exit code; None while it runs or has lines that were not read."""
        return self._code

    def terminate(self) -> None:
        """Ask all processes of the container but its first to end."""
        self._ask("ask it to end", self._container.exec_run, ["/bin/sh", "-c", _TERMINATE], detach=True)

    def kill(self) -> None:
        """End all processes at once."""
        if self._code is None:
            self._ask("kill it", self._container.kill)

    def commit(self, labels: Mapping[str, str]) -> str:
        """Keep the files of a container that has ended as an image, and return its id.

        Args:
            labels: of the image.

        Raises:
            EngineError: the engine can't.
        """
        with asking("the Docker engine can't keep the installed requirements"):
            return str(self._container.commit(conf={"Labels": dict(labels)}).id)

    def close(self) -> None:
        """Wait for the last lines and remove the container."""
        self._reader.join(_LAST_LINES_SECONDS)
        self._attached.close()
        self._remove()

    def _watch(self, line: LineSink) -> None:
        code = LOST
        try:
            with asking("The connection to the Docker engine broke"):
                with io.BufferedReader(_Chunks(self._attached.chunks())) as output:
                    each_line(output, line)
                code = int(self._container.wait()["StatusCode"])
        except EngineError as error:
            line(str(error))
        finally:
            self._code = code

    def _remove(self) -> None:
        self._ask("remove it", self._container.remove, v=True, force=True)

    def _ask(self, what: str, ask: Callable[..., Any], *values: Any, **options: Any) -> None:
        try:
            with asking(f"the Docker engine can't {what}"):
                ask(*values, **options)
        except EngineError as error:
            # As a rule it has ended by itself; if it has not, closing the connection ends it.
            logger.debug("container %s: %s", self._container.id, error)


class _Attached:
    """The connection to a container's input and output. The container ends with it.

    Args:
        container: not started yet.
    """

    def __init__(self, container: Container) -> None:
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._stream = container.attach_socket(params=wanted)

    def chunks(self) -> Iterator[bytes]:
        """Yield what the container prints."""
        for _, chunk in frames_iter(self._stream, tty=False):
            yield chunk

    def close(self) -> None:
        """Break the connection; the library's own closing leaves it open."""
        with socket.socket(fileno=os.dup(self._stream.fileno())) as connection, suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        self._stream.close()


class _Chunks(io.RawIOBase):
    """Pieces of bytes as a file to read from.

    Args:
        chunks: the pieces.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
