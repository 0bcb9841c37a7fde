"""Waiting for a job with its log: how late lines are, whether all are there, what it costs; beside alipai."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import create_training_job
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from benchmarks.peers import Environment, started
from benchmarks.peers import run as run_module
from benchmarks.report import Report
from benchmarks.spread import Spread
from devtools.local_pai import LocalServer
from devtools.processes import Processes

SECONDS = 20
INTERVAL = 1.0
"""Seconds between two looks of ours; alipai asks for lines every second, and for the status every 5."""
LATEST = 2.0
"""The bar: seconds from the job's end to its last line."""
SHARE = 5
"""The bar: ours makes at most one call where alipai makes so many."""
MILLION = 1_000_000
MOST_OF_LEVELS = 1.1
"""The bar: CPU of showing lines with levels and folded, over showing each as it is."""
MOST_MEMORY = 64.0
"""The bar: MiB that reading a million lines may take at its peak."""
_LOUD = 10_000
_PRINTS = """
import sys, time
count, seconds = int(sys.argv[1]), float(sys.argv[2])
begun = time.monotonic()
for number in range(count):
    time.sleep(max(0.0, begun + seconds * (number + 1) / count - time.monotonic()))
    print("line", number, time.monotonic(), flush=True)
"""
"""Each line ends with the moment it was printed at, on the clock that all processes of this machine share."""


@dataclass(frozen=True)
class Case:
    """A wait for the log of a job.

    Attributes:
        name: what the table calls the job.
        lines: how many lines it prints in :data:`SECONDS`.
        who: who waits.
        module: what does it.
        environment: where.
        question: what the module is asked beside the job.
        small_pages: whether the service refuses pages of more than 100 lines.
    """

    name: str
    lines: int
    who: str
    module: str
    environment: Environment
    question: Mapping[str, Any]
    small_pages: bool = False


def run() -> Report:
    """Measure."""
    report = Report("logs", "A job waited for, with its log")
    for _, cases in groupby(_cases(), lambda case: case.lines):
        for each, found in _watched(list(cases)):
            _add(each, found, report)
    _million(report)
    _levels(report)
    report.notes += [
        f"Ours looks every {INTERVAL:g} s, alipai as it does. The delay of a line is from its printing to its showing.",
        "Local PAI gives up to 1,000 lines on a page; what the cloud gives is not public, and is found out.",
    ]
    return report


def _cases() -> Sequence[Case]:
    alipai = f"alipai {Environment.ALIPAI.version('alipai')}"
    quiet, loud = f"10 lines/s for {SECONDS} s", f"{_LOUD:,} lines in {SECONDS} s"
    watchers: list[tuple[str, str, Environment, dict[str, Any]]] = [
        (alipai, "benchmarks.logs_alipai", Environment.ALIPAI, {}),
        ("ours", "benchmarks.logs_ours", Environment.OURS, {"deferred": False}),
        ("ours, deferred", "benchmarks.logs_ours", Environment.OURS, {"deferred": True}),
    ]
    cases = [Case(name, n, *each) for name, n in ((quiet, 10 * SECONDS), (loud, _LOUD)) for each in watchers]
    return [*cases, Case(f"{loud}, pages of 100 at most", _LOUD, *watchers[1], small_pages=True)]


@dataclass(frozen=True)
class _Watched:
    """What was seen of a job.

    Attributes:
        answer: what who waited answered.
        counts: requests by operation.
    """

    answer: Mapping[str, Any]
    counts: Mapping[str, int]


def _watched(cases: Sequence[Case]) -> Iterator[tuple[Case, _Watched]]:
    """Wait for a job in each of these ways at the same time, which costs little; each has a local PAI of its own."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Processes() as processes, ExitStack() as stack:
        homes = [Path(folder) / str(number) for number in range(len(cases))]
        servers = [LocalServer(processes, home, log=home.with_suffix(".log")) for home in homes]
        errands = [stack.enter_context(started(case.environment, case.module)) for case in cases]
        for each in errands:
            each.wait_ready()
        for case, server, errand in zip(cases, servers, errands, strict=True):
            job_id = _submit(server, case.lines)
            server.forget_counts()
            if case.small_pages:
                refusal = {"kind": "error", "status": 400, "code": "InvalidParameter", "times": 1}
                server.control("POST", "faults", {"operation": "ListTrainingJobLogs", **refusal})
            errand.ask({"ready": server.ready, "job_id": job_id, "interval": INTERVAL, **case.question})
        for case, server, errand in zip(cases, servers, errands, strict=True):
            answer = errand.answer()
            yield case, _Watched(answer, server.counts())


def _add(case: Case, watched: _Watched, report: Report) -> None:
    found, counts = watched.answer, watched.counts
    shown = [(float(at), line.split()) for at, line in found["shown"] if line.startswith("line ")]
    numbers = [int(words[1]) for _, words in shown]
    delays = [at - float(words[2]) for at, words in shown]
    barred = case.who.startswith("ours")

    def add(measure: str, value: float, unit: str = "", bar: float | None = None) -> None:
        report.add(case.name, measure, case.who, value, unit, bar=bar if barred else None)

    wrong = sum(a != b for a, b in zip(numbers, range(case.lines), strict=False)) + abs(len(numbers) - case.lines)
    add("lines lost, repeated or out of order", wrong, bar=0)
    add("delay of the last line", delays[-1], "s", LATEST)
    add("delay of lines, median", Spread.of(delays).p50, "s")
    calls = sum(counts.values())
    counted = barred and case.lines == _LOUD and not case.small_pages
    add("calls", calls, bar=_calls_of_alipai(report, case.lines) / SHARE if counted else None)
    for operation in ("ListTrainingJobLogs", "GetTrainingJob"):
        add(f"calls of {operation}", counts.get(operation, 0))
    add("end of the waiting after the last line was printed", found["ended"] - float(shown[-1][1][2]), "s")
    add("CPU", found["cpu_s"], "s")
    add("memory, peak over before", found["peak_mib"], "MiB")


def _calls_of_alipai(report: Report, lines: int) -> float:
    (case,) = (each.name for each in _cases() if each.lines == lines and each.environment is Environment.ALIPAI)
    found = (figure for figure in report.figures if (figure.case, figure.measure) == (case, "calls"))
    return next(figure.value for figure in found if figure.who.startswith("alipai"))


def _million(report: Report) -> None:
    """Deferred or not: the last lines of a log are read by the worker."""
    found = run_module(Environment.OURS, "benchmarks.logs_million", {"lines": MILLION})
    case, who = f"{MILLION:,} lines at once", "ours"
    report.add(case, "lines lost, repeated or out of order", who, found["wrong"], bar=0)
    report.add(case, "calls", who, found["calls"])
    report.add(case, "CPU", who, found["cpu_s"], "s")
    report.add(case, "memory, peak over before", who, found["peak_mib"], "MiB", bar=MOST_MEMORY)


def _levels(report: Report) -> None:
    found = run_module(Environment.OURS, "benchmarks.logs_levels", {"lines": MILLION})
    case = f"{MILLION:,} lines into Airflow's log"
    seconds, peaks = found["cpu_s"], found["peak_mib"]
    for way, who in (("plain", "line by line"), ("levels", "ours, with levels")):
        report.add(case, "CPU", who, seconds[way], "s")
        report.add(case, "memory, peak over before", who, peaks[way], "MiB")
    ratio = seconds["levels"] / seconds["plain"]
    report.add(case, "CPU over line by line", "ours, with levels", ratio, bar=MOST_OF_LEVELS)


def _submit(server: LocalServer, lines: int) -> str:
    ready = server.ready
    keys = KeyPair(ready["access_key_id"], ready["access_key_secret"])
    config = ClientConfig(ready["region_id"], ready["workspace_id"], keys, ready["api"], ready["oss"])
    command = shlex.join(["python3", "-c", _PRINTS, str(lines), str(SECONDS)])
    spec = TrainingJobSpec(command=command, instance_type="ecs.c6.large", image_uri="none:1", job_name="prints")
    return PAIClient(config, keys=credentials_provider(keys)).send(
        create_training_job(create_body(spec, config.workspace_id))
    )
