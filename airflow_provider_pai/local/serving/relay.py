"""Runs a service's command where it has a network of its own, and lets connections in through a Unix socket.

Started in an instance's sandbox as ``python relay.py FOLDER COMMAND...``; it lives as long as the command and ends with
its exit code. A connection to the socket begins with a port and a line break. The answer is ``+`` when something
listens at that port, and then all that comes is passed on, both ways; else it is ``-``. It connects to ``127.0.0.2``:
a server that listens on all addresses is reached there, and one that listens on ``127.0.0.1`` only is not, as EAS's
gateway does not reach it from outside the instance. A connection that begins with ``?`` and a line break is answered
with the addresses that are listened on: a host, a blank and a port on each line.

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

SOCKET = "relay"
LISTENS, REFUSED = b"+", b"-"
LIST = b"?\n"
"""Asks for the addresses that are listened on."""
OUTSIDE = "127.0.0.2"
"""An address of the instance that is not the one servers bind when they mean themselves only."""
_LISTENING = "0A"
"""The kernel's number for a socket that listens."""
_CHUNK = 256 * 1024
_BACKLOG = 1024
_NOT_FOUND = 127
_SIOCSIFFLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_INTERFACE = "16sh14x"


async def main(folder: str, command: list[str]) -> int:
    """Run the command and return its exit code as a shell reports it.

    Args:
        folder: where to make the socket.
        command: the command.
    """
    _raise_loopback()
    # Its own output is the command's: what breaks off when the command ends must not hide the command's last lines.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    directory = Path.cwd()
    # A socket's path has 107 bytes at most, which a folder's can have alone.
    os.chdir(folder)
    server = await asyncio.start_unix_server(_connected, SOCKET, limit=_CHUNK, backlog=_BACKLOG)
    os.chdir(directory)
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", flush=True)
        return _NOT_FOUND
    # Both are asked to end at once; this one has to be there until the last answer is out. A handler, because a
    # command would inherit that a signal is ignored.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    code = await process.wait()
    server.close()
    return 128 - code if code < 0 else code


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        asked = await reader.readline()
        if asked == LIST:
            writer.writelines(b"%s %d\n" % (host.encode(), port) for host, port in listening())
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection(OUTSIDE, int(asked), limit=_CHUNK)
    except (OSError, ValueError):
        writer.write(REFUSED)
        writer.close()
        return
    _send_at_once(inner_writer)
    writer.write(LISTENS)
    await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
    for each in (writer, inner_writer):
        each.close()


def listening() -> list[tuple[str, int]]:
    """Return the addresses that are listened on in this network: host and port."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            rows = Path("/proc/self/net", name).read_text().splitlines()[1:]
            found |= {address(local) for _, local, _, state, *_ in map(str.split, rows) if state == _LISTENING}
    return sorted(found)


def address(text: str) -> tuple[str, int]:
    """Read an address as the kernel writes it: words of four bytes in the machine's order, and a port."""
    host, port = text.split(":")
    words = (bytes.fromhex(host[start : start + 8]) for start in range(0, len(host), 8))
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed), int(port, 16)


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
    """Bring the loopback interface up: a new network begins without. Bubblewrap has done it, and forbids it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, contextlib.suppress(PermissionError):
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack(_INTERFACE, b"lo", _UP_AND_RUNNING).ljust(40, b"\0"))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
