"""Notice what a unit test must not do: start a process, open a socket, sleep."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

_EVENTS = {
    "subprocess.Popen": "starts a process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "socket.connect": "opens a socket",
    "socket.bind": "opens a socket",
    "socket.getaddrinfo": "opens a socket",
}
_sleep = time.sleep
_asyncio_sleep = asyncio.sleep


class IoGuard:
    """What the running test has done of that; threads that were there before it don't count."""

    def __init__(self) -> None:
        self._others: set[int] | None = None
        self._seen: set[str] = set()

    def start(self) -> None:
        """Begin a test."""
        current = threading.get_ident()
        self._seen = set()
        self._others = {thread.ident for thread in threading.enumerate() if thread.ident} - {current}

    def stop(self) -> list[str]:
        """End the test; return what it did."""
        self._others = None
        return sorted(self._seen)

    def note(self, what: str) -> None:
        """Remember an act if it is the running test's."""
        if self._others is not None and threading.get_ident() not in self._others:
            self._seen.add(what)


GUARD = IoGuard()


def _audit(event: str, _: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        GUARD.note(_EVENTS[event])


def _counted_sleep(seconds: float, /) -> None:
    if seconds > 0:
        GUARD.note("sleeps")
    _sleep(seconds)


async def _counted_asyncio_sleep(delay: float, result: Any = None) -> Any:
    # A loop of another module has virtual time.
    if delay > 0 and type(asyncio.get_running_loop()).__module__.startswith("asyncio."):
        GUARD.note("sleeps")
    return await _asyncio_sleep(delay, result)


def install() -> None:
    """Watch from now on; before our own modules are imported, since they may take ``sleep`` as a default."""
    sys.addaudithook(_audit)
    time.sleep = _counted_sleep
    asyncio.sleep = _counted_asyncio_sleep  # type: ignore[assignment]
