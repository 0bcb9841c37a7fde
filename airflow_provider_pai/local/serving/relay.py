"""Runs a service's command where it has a network of its own, and lets connections in through a Unix socket.

Started in an instance's sandbox as ``python relay.py FOLDER COMMAND...``; it lives as long as the command and ends with
its exit code. A connection to the socket begins with a port and a line break. The answer is ``+`` when something
listens at that port of ``127.0.0.1``, and then all that comes is passed on, both ways; else it is ``-``.

It is run by itself, by the Python of services, so it imports nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import struct
import sys
from pathlib import Path

SOCKET = "door"
LISTENS, REFUSED = b"+", b"-"
_LOOPBACK = "127.0.0.1"
_CHUNK = 256 * 1024
_BACKLOG = 1024
_SIOCSIFFLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_INTERFACE = "16sh14x"


async def main(folder: str, command: list[str]) -> int:
    """Run the command and return its exit code as a shell reports it.

    Args:
        folder: where to make the socket.
        command: the command.
    """
    _raise_loopback()
    directory = Path.cwd()
    # A socket's path has 107 bytes at most, which a folder's can have alone.
    os.chdir(folder)
    server = await asyncio.start_unix_server(_connected, SOCKET, limit=_CHUNK, backlog=_BACKLOG)
    os.chdir(directory)
    process = await asyncio.create_subprocess_exec(*command)
    # Both are asked to end at once; this one has to be there until the last answer is out. A handler, because a
    # command would inherit that a signal is ignored.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    code = await process.wait()
    server.close()
    return 128 - code if code < 0 else code


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        port = int(await reader.readline())
        inner_reader, inner_writer = await asyncio.open_connection(_LOOPBACK, port, limit=_CHUNK)
    except (OSError, ValueError):
        writer.write(REFUSED)
        writer.close()
        return
    _send_at_once(inner_writer)
    writer.write(LISTENS)
    await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
    for each in (writer, inner_writer):
        each.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, and that no more does; a side that is gone ends the other one, too."""
    with contextlib.suppress(OSError):
        try:
            while data := await reader.read(_CHUNK):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()
            raise


def _send_at_once(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _raise_loopback() -> None:
    """Bring the loopback interface up: a new network begins without. Bubblewrap has done it, and lets nobody else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, contextlib.suppress(PermissionError):
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack(_INTERFACE, b"lo", _UP_AND_RUNNING).ljust(40, b"\0"))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
