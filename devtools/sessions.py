"""Sessions of processes: who is in one, and how it is ended to the last of them.

A process started in its own session keeps its descendants together even when they form process groups of their
own, as Airflow's task processes do. Descendants that leave for another session (Airflow's ``BashOperator`` starts
its commands so) are found through their parents.

Run as a script this file is the watchman of :mod:`devtools.processes`; it needs the standard library only, so
that it starts in a few hundredths of a second.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATIENCE = 10.0
"""Seconds a process has between SIGTERM and SIGKILL."""

# Part of the patience in which a session's leader takes it down by itself.
_IN_ORDER = 0.5

_PROC = Path("/proc")
_POLL = 0.05


class _Process(NamedTuple):
    pid: int
    parent: int
    session: int


def members(sessions: Iterable[int], known: Iterable[int] = ()) -> frozenset[int]:
    """Return the ids of the living processes of these sessions and of their descendants; zombies don't count.

    Args:
        sessions: ids of the sessions, that is of the processes that were started in them.
        known: ids of processes that count as members wherever they are now, if they still live.
    """
    table = list(_from_proc() if (_PROC / "self" / "stat").exists() else _from_ps())
    wanted, claimed = frozenset(sessions), frozenset(known)
    found = {process.pid for process in table if process.session in wanted or process.pid in claimed}
    while children := {process.pid for process in table if process.parent in found} - found:
        found |= children
    return frozenset(found)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process; one that has ended meanwhile is no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end(sessions: Iterable[int], patience: float = PATIENCE) -> None:
    """End every process of these sessions; return when none is alive.

    First the process that leads a session gets SIGTERM, so that it can take its own down in order: a worker of
    Airflow's LocalExecutor that is ended while it waits for work takes the queue's lock with it. When the leader is
    gone, or half of the patience, all that is left gets SIGTERM; to Airflow's components a second one means
    not to wait any longer. After the patience it is SIGKILL.

    Args:
        sessions: ids of the sessions.
        patience: seconds until SIGKILL; with 0 there is nothing but SIGKILL.
    """
    leaders = frozenset(sessions)
    known: set[int] = set()
    signalled: set[tuple[int, bool]] = set()
    begin = time.monotonic()
    while alive := members(leaders, known):
        waited = time.monotonic() - begin
        in_order = bool(alive & leaders) and waited < patience * _IN_ORDER
        due = alive & leaders if in_order else alive
        if waited >= patience:
            send(alive, signal.SIGKILL)
        else:
            send({pid for pid in due if (pid, in_order) not in signalled}, signal.SIGTERM)
            # A stopped process takes no SIGTERM before it continues.
            send(alive - known, signal.SIGCONT)
        signalled |= {(pid, in_order) for pid in due}
        known |= alive
        time.sleep(_POLL)


def watch(lines: Iterable[str]) -> None:
    """Remember the sessions named in ``lines`` until they stop coming, then end those that are left.

    Args:
        lines: ``<session>`` for one that began, ``-<session>`` for one that was ended.
    """
    sessions: set[int] = set()
    for line in lines:
        session = int(line)
        if session > 0:
            sessions.add(session)
        else:
            sessions.discard(-session)
    end(sessions)


def _from_proc() -> Iterator[_Process]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The second field is the command in parentheses, which may itself hold spaces and parentheses.
            state, parent, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield _Process(int(entry.name), int(parent), int(session))


def _from_ps() -> Iterator[_Process]:
    """Read the same where there is no /proc (macOS); ``ps`` prints no usable session there, hence getsid."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], check=True, capture_output=True, text=True).stdout
    for line in table.splitlines():
        pid, parent, state = line.split()
        try:
            session = os.getsid(int(pid))
        except (ProcessLookupError, PermissionError):
            continue
        if not state.startswith("Z"):
            yield _Process(int(pid), int(parent), session)


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    watch(sys.stdin)
