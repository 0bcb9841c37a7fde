"""How soon local PAI is ready, with nothing and with very many jobs in its folder, and how long a reset takes."""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from benchmarks.local_cost import WHO, fill
from benchmarks.report import Report
from benchmarks.usage import usage
from devtools.local_pai import LocalServer
from devtools.processes import Processes

TIMES = 5
READY, READY_FULL, RESET_MS = 0.2, 0.6, 20.0
"""The bars: seconds of processor time until it is ready, empty and with many jobs, and milliseconds of a reset."""
MANY, SOME = 5_000, 100
_numbers = count()


def run() -> Report:
    """Measure; the first start compiles, and isn't counted."""
    report = Report("local_start", "Local PAI starts, and is reset")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name, jobs, bar in (("empty", 0, READY), (f"{MANY:,} jobs", MANY, READY_FULL)):
            home = Path(folder) / str(jobs)
            if jobs:
                fill(home, jobs)
            starts = [_start(home) for _ in range(TIMES + 1)][1:]
            report.add(name, "until it is ready, CPU", WHO, statistics.median(cpu for _, cpu in starts), "s", bar=bar)
            report.add(name, "until it is ready, time", WHO, statistics.median(taken for taken, _ in starts), "s")
        home = Path(folder) / "some"
        fill(home, SOME)
        report.add(f"{SOME} jobs", "reset", WHO, _reset(home), "ms", bar=RESET_MS)
    report.notes.append("Processes wait for each other on a busy machine: processor time is what is compared.")
    return report


def _start(home: Path) -> tuple[float, float]:
    """Return time and processor time until it is ready."""
    with Processes() as processes:
        begun = time.perf_counter()
        server = LocalServer(processes, home, log=home.parent / f"{next(_numbers)}.log")
        return time.perf_counter() - begun, usage(server.child.pid).cpu_s


def _reset(home: Path) -> float:
    with Processes() as processes:
        server = LocalServer(processes, home, log=home.parent / f"{next(_numbers)}.log")
        server.control("GET", "health")
        begun = time.perf_counter()
        server.control("POST", "reset")
        return (time.perf_counter() - begun) * 1000
