"""Submitting a job with its source code: seconds, requests, bytes and memory; beside alipai."""

from __future__ import annotations

import random
import statistics
import string
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from benchmarks.peers import Environment
from benchmarks.peers import run as run_module
from benchmarks.report import OURS, Report
from devtools.local_pai import LocalServer
from devtools.processes import Processes
from devtools.waits import wait_for

LATE = 0.05
"""Seconds by which each answer of a distant service is late."""
FEW_REQUESTS, MANY_REQUESTS = 4, 12
"""The bars: requests until a job exists, of little or unchanged code, and of much."""
SHARE = 20
"""The bar: of alipai's time for much code ours takes so small a part, from afar."""
FAR_SECONDS = 2.1
"""The bar: seconds for all of it, a fiftieth of what alipai was seen to take."""
MORE_MEMORY = 32.0
"""The bar: MiB that ours may take more than alipai, much code or little."""
DELTA_BYTES, DELTA_SECONDS = 2_000_000, 1.0
"""The bars: what is sent when one line of much code has changed, and how long that takes a distant worker."""
INPUT_MB, INPUT_SECONDS = 256, 0.75
"""The bar: seconds until a distant worker's job with a local input of so many MB exists: 500 MB/s, and five calls."""
_FILES, _FILE_SIZE = 2000, 50_000
_FEWER_FILES = 500
"""Files that alipai sends to a distant service, one after the other: all take it two minutes."""
_TIMES = 3
_JOB = {"command": "true", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"}
_numbers = count(1)
_NOTES = (
    "Ours looks for a job of the task before the create, and whether PAI has the instance type; alipai does neither.",
    "After the create ours looks for copies of the task, and sees the job's first status; alipai asks for the job.",
    "Each gets its bucket beforehand.",
    f"The {_FILES:,} files are words. Seconds are from the call to its return, without imports.",
)


@dataclass(frozen=True)
class Case:
    """A submission.

    Attributes:
        code: what the table calls the source code.
        files: how many files it has.
        late: whether the service is distant.
        again: whether the code is that of the case before.
        changed: whether it is that of the case before but for one line.
        times: how often it is measured; the median counts, of seconds.
    """

    code: str
    files: int
    late: bool
    again: bool = False
    changed: bool = False
    times: int = 1

    @property
    def is_much(self) -> bool:
        """Whether it is so much code that it goes as a package."""
        return self.files >= _FEWER_FILES

    @property
    def name(self) -> str:
        """What the table calls it."""
        how = ", again unchanged" * self.again + ", one line changed" * self.changed
        return f"{self.code}{how}, {1000 * LATE * self.late:g} ms a request"


@dataclass(frozen=True)
class Submitted:
    """What one submission took.

    Attributes:
        found: what the submitting process answered.
        counts: requests by operation.
        sent: bytes of the bodies sent to OSS.
    """

    found: Mapping[str, Any]
    counts: Mapping[str, int]
    sent: int

    @property
    def requests(self) -> int:
        """All requests."""
        return sum(self.counts.values())


def run() -> Report:
    """Measure."""
    report = Report("submit", "A job submitted with its source code")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Processes() as processes:
        server = LocalServer(processes, Path(folder) / "pai", log=Path(folder) / "pai.log")
        for case in _cases():
            _compare(server, case, Path(folder) / f"code-{case.files}-{case.late}", report)
        _add_input(server, Path(folder) / "input", report)
    report.notes += _NOTES
    return report


def _cases() -> Iterator[Case]:
    for late in (False, True):
        yield Case("3 files", 3, late, times=_TIMES)
        yield Case("3 files", 3, late, again=True)
        if late:
            yield Case(f"{_FEWER_FILES} files / 25 MB", _FEWER_FILES, late)
        yield Case(f"{_FILES:,} files / 100 MB", _FILES, late)
        yield Case(f"{_FILES:,} files / 100 MB", _FILES, late, again=True)
        yield Case(f"{_FILES:,} files / 100 MB", _FILES, late, changed=True)


def _compare(server: LocalServer, case: Case, code: Path, report: Report) -> None:
    if not code.exists():
        _write_code(code, case.files)
        _change(code)
    alipai = f"alipai {Environment.ALIPAI.version('alipai')}"
    theirs = None
    # What alipai does again is what it did before.
    is_slow = case.late and case.files == _FILES
    if not (case.again or case.changed or is_slow) or not (case.is_much or case.late):
        theirs = _submitted(server, case, code, Environment.ALIPAI, "benchmarks.submit_alipai")
        _add_rows(report, case, alipai, theirs, {})
    ours = _submitted(server, case, code, Environment.OURS, "benchmarks.submit_ours")
    _add_rows(report, case, OURS, ours, _bars(case, theirs))


def _bars(case: Case, theirs: Sequence[Submitted] | None) -> dict[str, float]:
    many = case.is_much and not case.again
    bars: dict[str, float] = {"requests until the job exists": MANY_REQUESTS if many else FEW_REQUESTS}
    if many:
        bars["requests in all"] = MANY_REQUESTS
    if case.again and case.is_much:
        bars["bytes sent to OSS"] = 0
    if case.changed:
        bars |= {"bytes sent to OSS": DELTA_BYTES, **({"until it returns": DELTA_SECONDS} if case.late else {})}
    if case.late and case.files == _FILES and not (case.again or case.changed):
        bars["until it returns"] = FAR_SECONDS
    if theirs is not None and case.late and not case.again:
        bars["until it returns"] = _seconds(theirs) / (SHARE if many else 1)
    if theirs is not None and many:
        bars["memory, peak"] = _most(theirs, "peak_mib") + MORE_MEMORY
    return bars


def _add_rows(report: Report, case: Case, who: str, done: Sequence[Submitted], bars: Mapping[str, float]) -> None:
    one = done[-1]

    def add(measure: str, value: float, unit: str = "") -> None:
        report.add(case.name, measure, who, value, unit, bar=bars.get(measure))

    add("until it returns", _seconds(done), "s")
    if "to_create_s" in one.found:
        add("until the job exists", statistics.median(each.found["to_create_s"] for each in done), "s")
    add("requests in all", one.requests)
    looks = one.found.get("after_create", one.counts.get("GetTrainingJob", 0))
    add("requests until the job exists", one.requests - looks)
    # How late the answers are doesn't change what is asked.
    for operation, number in sorted(one.counts.items()) if not case.late else ():
        add(f"requests: {operation}", number)
    add("bytes sent to OSS", one.sent)
    add("CPU", statistics.median(each.found["cpu_s"] for each in done), "s")
    add("memory, peak", _most(done, "peak_mib"), "MiB")
    add("memory, peak over before", _most(done, "grown_mib"), "MiB")


def _seconds(done: Sequence[Submitted]) -> float:
    return statistics.median(float(each.found["seconds"]) for each in done)


def _most(done: Sequence[Submitted], name: str) -> float:
    return max(float(each.found[name]) for each in done)


def _submitted(
    server: LocalServer, case: Case, code: Path, environment: Environment, module: str
) -> Sequence[Submitted]:
    def once() -> Submitted:
        question = _question(server, source_dir=str(code))
        with _distance(server, late=case.late):
            found = run_module(environment, module, question)
            counters = server.control("GET", "counters")
        _wait_for_jobs(server)
        return Submitted(found, counters["counters"], counters["bytes"].get("oss:PUT", 0))

    measured = []
    for _ in range(case.times):
        if case.changed or case.times > 1:
            _change(code)
        measured.append(once())
    return measured


def _question(server: LocalServer, **job: object) -> dict[str, Any]:
    return {"ready": server.ready, "job": {**_JOB, **job}, "name": f"run_{next(_numbers)}"}


def _add_input(server: LocalServer, file: Path, report: Report) -> None:
    """Submit a job with one large local file as its input, from afar."""
    with file.open("wb") as content:
        for _ in range(INPUT_MB):
            content.write(random.Random(0).randbytes(1_000_000))
    with _distance(server, late=True):
        found = run_module(Environment.OURS, "benchmarks.submit_ours", _question(server, inputs={"train": str(file)}))
    case = f"a local input of {INPUT_MB} MB, {1000 * LATE:g} ms a request"
    report.add(case, "until the job exists", OURS, found["to_create_s"], "s", bar=INPUT_SECONDS)
    report.add(case, "CPU", OURS, found["cpu_s"], "s")
    report.add(case, "memory, peak over before", OURS, found["grown_mib"], "MiB")


@contextmanager
def _distance(server: LocalServer, *, late: bool) -> Iterator[None]:
    """Let all answers be late, those of OSS, too; requests are counted from here on."""
    server.forget_counts()
    if late:
        server.control("POST", "faults", {"operation": "*", "kind": "slow", "times": 1_000_000, "delay_s": LATE})
    try:
        yield
    finally:
        server.control("DELETE", "faults")


def _wait_for_jobs(server: LocalServer) -> None:
    """Wait until no job runs that would slow down what is measured next."""

    def running() -> list[dict[str, str]]:
        jobs: list[dict[str, str]] = server.control("GET", "jobs")["jobs"]
        return [job for job in jobs if job["Status"] not in TERMINAL_STATUSES]

    wait_for(running, lambda found: not found, "the jobs to end", timeout=120)


def _write_code(folder: Path, files: int) -> None:
    """Write files of words, which gzip makes half as large; always the same."""
    chance = random.Random(0)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 12))) for _ in range(5000)]
    for number in range(files):
        file = folder / f"package_{number % 50:02}" / f"module_{number:04}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = _FILE_SIZE if files >= _FEWER_FILES else 1000
        file.write_text(" ".join(chance.choices(words, k=size // 7))[:size])


def _change(folder: Path) -> None:
    """Make it code that was never submitted before."""
    (folder / "package_00" / "module_0000.py").write_text(f"# version {next(_numbers)}\n")
