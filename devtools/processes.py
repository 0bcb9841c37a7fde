"""Child processes that never outlive who started them.

Every child leads a session of its own and writes to a log file. Beside them runs a watchman (:mod:`devtools.sessions`)
that holds the other end of a pipe: when this process is gone, by whatever signal, the pipe closes and the watchman
ends what is left. So no signal handler has to be installed here, and even SIGKILL leaves nothing behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from airflow_provider_pai.local.running.ports import ANY, Ports
from devtools import sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
_PORTS = Ports()

# The child tells the watchman itself, before it becomes the program: there is no moment in which it runs unknown.
_ANNOUNCE = 'echo $$ >&0 && exec "$@" </dev/null'


def free_ports(count: int) -> list[int]:
    """Return different TCP ports of 127.0.0.1 that are free; no other process is given them while this one lives."""
    return [_PORTS.take(ANY) for _ in range(count)]


def free_port() -> int:
    """Return such a port."""
    return free_ports(1)[0]


@dataclass(frozen=True, eq=False)
class Child:
    """A process in a session of its own; made by :meth:`Processes.start`.

    Attributes:
        name: what people call it.
        log: the file its output goes to.
    """

    name: str
    log: Path
    _popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Id of the process, and of its session."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Exit code; minus the signal's number when a signal ended it; None while it is alive."""
        return self._popen.poll()

    @property
    def alive(self) -> bool:
        """Whether the process itself is alive; others of its session may outlive it."""
        return self.returncode is None

    def members(self) -> frozenset[int]:
        """Return the ids of all living processes of its session, and of their descendants."""
        return sessions.members([self.pid])

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all of its session; SIGSTOP and SIGCONT make it stall and continue."""
        sessions.send(self.members(), number)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of its output."""
        with self.log.open(errors="replace") as file:
            return "".join(deque(file, maxlen=lines))

    def reap(self) -> None:
        """Take the exit code of the ended process, so that no zombie stays."""
        self._popen.wait()


class Processes:
    """A context manager that starts children and has ended all of them when it is left."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._watchman: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._watchman = subprocess.Popen(
            [sys.executable, "-I", "-S", sessions.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        watchman = self._watchman
        if watchman is None:
            return
        try:
            self.end(*self._children)
        finally:
            # If a second Ctrl-C cut the ending short, the watchman continues it.
            self._pipe().close()
            watchman.wait()
            self._watchman = None

    def start(
        self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path | None = None
    ) -> Child:
        """Start a command in its own session.

        Args:
            name: what error messages call it.
            command: the program and its arguments.
            log: file that its output is appended to; its folder is made.
            env: its whole environment.
            cwd: its working directory; by default this process's.

        Raises:
            RuntimeError: outside of the ``with`` block.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            popen = subprocess.Popen(
                ["/bin/sh", "-c", _ANNOUNCE, "sh", *command],
                stdin=self._pipe(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name, log, popen)
        self._children.append(child)
        return child

    def end(self, *children: Child, patience: float = sessions.PATIENCE) -> None:
        """End these children and all of their sessions, together: SIGTERM, after ``patience`` seconds SIGKILL."""
        sessions.end([child.pid for child in children], patience)
        for child in children:
            child.reap()
            os.write(self._pipe().fileno(), b"%d\n" % -child.pid)
        self._children = [child for child in self._children if child not in children]

    def _pipe(self) -> IO[bytes]:
        if self._watchman is None or self._watchman.stdin is None:
            raise RuntimeError("processes are started inside of the with block only")
        return self._watchman.stdin
