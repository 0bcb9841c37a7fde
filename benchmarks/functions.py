"""What reading a DAG file with decorated functions costs, over Airflow's own ``@task``."""

from __future__ import annotations

import statistics

from benchmarks.peers import Environment
from benchmarks.peers import run as run_module
from benchmarks.report import OURS, Report

MOST_MS = 1.0
LINES = (10, 200)
"""Lines of the functions."""


def run() -> Report:
    """Measure."""
    report = Report("functions", "A decorated function when its DAG file is read")
    for lines in LINES:
        found = run_module(Environment.OURS, "benchmarks.functions_parse", {"lines": lines})
        case = f"function of {lines} lines"
        own, base = (statistics.median(found[who]) for who in ("ours", "task"))
        report.add(case, "CPU of a task, median", OURS, own, "ms")
        report.add(case, "CPU of a task, median", "@task", base, "ms")
        report.add(case, "over @task", OURS, own - base, "ms", bar=MOST_MS)
    report.notes.append("A file of 50 tasks, read 9 times each way, taking turns, in one process.")
    return report
