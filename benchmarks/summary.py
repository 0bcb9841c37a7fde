"""What is promised, a row each: ours, the best peer, the limit, and how many times better ours is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.report import OURS, Figure, Report, markdown_row, number

_OURS = (OURS, "local PAI")
_NO_PEERS = ("ours, deferred", "empty operator")
_FILES = "2,000 files / 100 MB"


@dataclass(frozen=True)
class Promise:
    """One row.

    Attributes:
        text: what is promised.
        benchmark: the benchmark that measures it.
        case: the case of its report.
        measure: the measure of that case.
    """

    text: str
    benchmark: str
    case: str
    measure: str

    def row(self, reports: Mapping[str, Report]) -> list[str] | None:
        """Return the cells; None when it was not measured."""
        every = reports[self.benchmark].figures if self.benchmark in reports else []
        found = [each for each in every if (each.case, each.measure) == (self.case, self.measure)]
        ours = next((each for each in found if each.who in _OURS), None)
        if ours is None:
            return None
        peers = [each for each in found if each.who not in (*_OURS, *_NO_PEERS)]
        best = min(peers, key=lambda peer: peer.value, default=None)
        peer = f"{_with_unit(best)} ({best.who})" if best else ""
        ratio = f"{number(best.value / ours.value)} times" if best and ours.value else ""
        limit = "" if ours.bar is None else f"{number(ours.bar)} {ours.unit}".strip()
        return [self.text, _with_unit(ours), peer, limit, ratio]


_FAR = "50 ms a request"
_DAG = "a DAG of 200 training tasks"
_500 = "500 deferred, 10 s"
PROMISES = (
    Promise("reading a DAG file: the operator's import", "imports", "import", "time, median"),
    Promise("a DAG of 200 tasks: import, make, serialize", "imports", _DAG, "processor time"),
    Promise("the same, its size", "imports", _DAG, "size when serialized"),
    Promise("500 files / 25 MB submitted from afar", "submit", f"500 files / 25 MB, {_FAR}", "until it returns"),
    Promise("2,000 files / 100 MB submitted from afar", "submit", f"{_FILES}, {_FAR}", "until it returns"),
    Promise("the same, one line changed", "submit", f"{_FILES}, one line changed, {_FAR}", "until it returns"),
    Promise("bytes sent then", "submit", f"{_FILES}, one line changed, {_FAR}", "bytes sent to OSS"),
    Promise("a job with a local input of 256 MB", "submit", f"a local input of 256 MB, {_FAR}", "until the job exists"),
    Promise("calls for a job of 10,000 lines in 20 s", "logs", "10,000 lines in 20 s", "calls"),
    Promise("its last line, after its end", "logs", "10,000 lines in 20 s", "delay of the last line"),
    Promise("memory for a log of a million lines", "logs", "1,000,000 lines at once", "memory, peak over before"),
    Promise("calls a second of 500 deferred tasks", "triggers", _500, "calls"),
    Promise("500 start at once: worst lag of the event loop", "triggers", _500, "loop lag, worst"),
    Promise("500 start at once: processor time", "triggers", _500, "CPU until steady"),
    Promise("end of a job to its event, 500 deferred, p99", "triggers", _500, "end to event, p99"),
    Promise("the same, 10,000 deferred", "triggers", "10,000 deferred, 10 s", "end to event, p99"),
    Promise("the same, 50,000 deferred", "triggers", "50,000 deferred, 10 s", "end to event, p99"),
    Promise(
        "end of a job to the start of the next task",
        "next_task",
        "5 deferred jobs of 8 to 10.8 s",
        "end to the next task's start, median",
    ),
    Promise("`pai-local serve` is ready, processor time", "local_start", "empty", "until it is ready, CPU"),
)


def summary(reports: Iterable[Report]) -> str:
    """Return the table for a document; what was not measured is left out."""
    by_name = {report.name: report for report in reports}
    rows = [row for promise in PROMISES if (row := promise.row(by_name))]
    head = ["", "ours", "best peer", "limit", "better by"]
    return "\n".join(map(markdown_row, [head, ["---"] * len(head), *rows])) + "\n"


def _with_unit(figure: Figure) -> str:
    return f"{number(figure.value)} {figure.unit}".strip()
