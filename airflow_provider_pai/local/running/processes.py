"""Processes of this machine: who belongs to a session, who is still the one that was started.

Reads ``/proc``; on a system without it nothing is found, and only process groups can be signalled.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessFacts:
    """What ``/proc`` says about a process.

    Attributes:
        pid: its id.
        parent: id of its parent.
        session: id of its session, which is the id of the process that began it.
        started: when it was started, in ticks since the machine was; empty when unknown. Together with the id it
            tells a process from a later one that was given the same id.
    """

    pid: int
    parent: int
    session: int
    started: str


def facts(pid: int) -> ProcessFacts | None:
    """Return what is known of a process; None when it is gone, or its parent has not yet noticed that it is."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold blanks and parentheses itself.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else ProcessFacts(pid, int(fields[1]), int(fields[3]), fields[19])


def signal_session(session: int, number: signal.Signals) -> None:
    """Send a signal to all processes of a session."""
    if not _PROC.is_dir():
        signal_group(session, number)
        return
    for process in list(_processes()):
        if process.session == session:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; one that is gone is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def kill_survivors(recorded: Collection[tuple[int, str]], variable: str) -> int:
    """Kill what is left of processes that an earlier run of this server started.

    Args:
        recorded: id and start time of each process that leads others: all that comes of it is killed, and all of its
            session. An id that belongs to another process by now is not touched.
        variable: an environment variable as ``NAME=value`` that only the job's processes have; finds those
            without their leader, and those that were started before their id was recorded.

    Returns:
        How many processes were killed.
    """
    leaders = {pid for pid, started in recorded if (found := facts(pid)) and started and found.started == started}
    living = list(_processes())
    left = {process.pid for process in living if process.session in leaders or _has_variable(process.pid, variable)}
    killed = 0
    for pid in left | _descendants(leaders, living):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def _descendants(ancestors: Collection[int], living: Collection[ProcessFacts]) -> set[int]:
    """Return the ids of the processes that come of some others."""
    children: dict[int, list[int]] = {}
    for process in living:
        children.setdefault(process.parent, []).append(process.pid)
    found = list(ancestors)
    for pid in found:
        found += children.get(pid, ())
    return set(found)


def _processes() -> Iterator[ProcessFacts]:
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit() and (found := facts(int(entry.name))):
            yield found


def _has_variable(pid: int, variable: str) -> bool:
    try:
        return variable.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
