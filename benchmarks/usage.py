"""What a process has used: processor time and memory, read from ``/proc``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu_s: seconds of processor time, of all its threads.
        rss_mib: memory in use, in MiB.
        peak_rss_mib: the most memory in use since its start, or since :func:`forget_peak`, in MiB.
    """

    cpu_s: float
    rss_mib: float
    peak_rss_mib: float


def usage(pid: int | None = None) -> Usage:
    """Return what a process has used; by default this one.

    The peak is the kernel's ``VmHWM``: what ``wait4`` tells of a child includes the parent's memory at the fork.

    Raises:
        FileNotFoundError: there is no such process.
    """
    process = Path("/proc") / str(pid or "self")
    sizes = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    times = (process / "stat").read_text().rpartition(")")[2].split()
    return Usage((int(times[11]) + int(times[12])) / _TICKS, _mib(sizes["VmRSS"]), _mib(sizes["VmHWM"]))


def forget_peak() -> None:
    """Let the peak of this process begin anew at what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")


def _mib(size: str) -> float:
    return int(size.split()[0]) / 1024
