"""Runs a command, and ends all that came of it with the command, or with the server, by whatever signal that ends.

Started as ``python shim.py SERVER MODE COMMAND...``, as the server's child and the parent of the command. On Linux it
adopts the orphans among its descendants, so that no process gets away: neither with a session of its own, nor with
other variables. SIGTERM asks all of them to end, :data:`END_ALL` ends them at once. When nothing is left, it ends with
the command's exit code as a shell reports it.

It is run by itself, so it imports nothing but the standard library, and little of that: each instance waits for it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

END_ALL = signal.SIGUSR1
"""Ends all at once."""
_DIRECT, _WRAPPED = "direct", "wrapped"
_KILLED = 128 + signal.SIGKILL
_NOT_FOUND = 127
_LOOK_SECONDS = 1.0
_LINGER_SECONDS = 60.0
"""Who asked it to end has less patience as a rule."""
_LAST_SECONDS = 10.0
"""For what does not even end when it is killed: a process of another user, or one that waits for a disk."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.1
_ADOPT_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER"""
_PROC = Path("/proc")


def command_line(command: Sequence[str], *, wrapped: bool) -> list[str]:
    """Return the command line of a shim that ends with this process.

    Args:
        command: what is to be run.
        wrapped: the command is a sandbox. It is not asked to end, because it would kill what is in it without grace.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), _WRAPPED if wrapped else _DIRECT, *command]


class Shim:
    """Looks after one command.

    Args:
        server: process id of the server, which must be this process' parent.
        wrapped: the command itself is not asked to end.
    """

    def __init__(self, server: int, *, wrapped: bool) -> None:
        self._server = server
        self._wrapped = wrapped
        self._command = 0
        self._code: int | None = None
        self._asked_until = float("-inf")
        self._signals, wakeup = os.pipe()
        for end in (self._signals, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD, END_ALL):
            signal.signal(number, lambda *_: None)
        self._poll = select.poll()
        self._poll.register(self._signals, select.POLLIN)
        # Where the system does not announce the server's end, each look notices it.
        with suppress(AttributeError, OSError):
            self._poll.register(os.pidfd_open(server), select.POLLIN)
        _adopt_orphans()

    def run(self, command: list[str]) -> int:
        """Run the command, and return its exit code as a shell reports it."""
        if self._is_abandoned():
            return _KILLED
        try:
            # Python ignores these two, which the command would inherit.
            reset = [signal.SIGPIPE, signal.SIGXFSZ]
            self._command = os.posix_spawnp(command[0], command, os.environ, setsigdef=reset)
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", flush=True)
            return _NOT_FOUND
        while self._continues(self._next_signals()):
            pass
        self._end_what_is_left()
        return _KILLED if self._code is None else self._code

    def _continues(self, numbers: bytes) -> bool:
        """Do what signals ask for; False when all is to end."""
        if END_ALL in numbers or self._is_abandoned():
            return False
        if signal.SIGTERM in numbers:
            self._ask_to_end()
        is_left = self._reap()
        # A shell that is asked to end does not wait for the script it runs, which may save a checkpoint then.
        return self._code is None or (is_left and time.monotonic() < self._asked_until)

    def _is_abandoned(self) -> bool:
        return os.getppid() != self._server

    def _next_signals(self) -> bytes:
        """Return the numbers of signals that came: when some did, the server has ended, or it is time to look."""
        self._poll.poll(_LOOK_SECONDS * 1000)
        with suppress(BlockingIOError):
            return os.read(self._signals, 4096)
        return b""

    def _ask_to_end(self) -> None:
        self._asked_until = time.monotonic() + _LINGER_SECONDS
        for process in _descendants() or [self._command]:
            if not (self._wrapped and process == self._command):
                _send(process, signal.SIGTERM)

    def _reap(self) -> bool:
        """Note which children have ended; False when none is left."""
        with suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    return True
                if process == self._command:
                    code = os.waitstatus_to_exitcode(status)
                    self._code = 128 - code if code < 0 else code
        return False

    def _end_what_is_left(self) -> None:
        pause, deadline = _FIRST_PAUSE, time.monotonic() + _LAST_SECONDS
        # More than once: they may have begun others meanwhile.
        while self._reap() and time.monotonic() < deadline:
            for process in _descendants() or [self._command]:
                _send(process, signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, where the system can do that."""
    with suppress(ImportError, AttributeError, OSError):
        import ctypes

        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


def _descendants() -> list[int]:
    """Return all processes that come of this one; none where the system does not tell of them."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name stands in parentheses and may hold blanks and parentheses itself.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = [os.getpid()]
    for process in found:
        found += children.get(process, ())
    return found[1:]


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


if __name__ == "__main__":
    sys.exit(Shim(int(sys.argv[1]), wrapped=sys.argv[2] == _WRAPPED).run(sys.argv[3:]))
