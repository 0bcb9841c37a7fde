"""What is promised, in a dozen rows: ours, the best peer, the limit, and how many times better ours is."""

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


PROMISES = (
    Promise("reading a DAG file: the operator's import", "imports", "import", "time, median"),
    Promise("a DAG of 200 tasks, serialized", "imports", "a DAG of 200 training tasks", "size when serialized"),
    Promise(
        "2,000 files / 100 MB submitted, 50 ms each request", "submit", f"{_FILES}, 50 ms a request", "until it returns"
    ),
    Promise(
        "bytes sent when one line of them changed",
        "submit",
        f"{_FILES}, one line changed, 50 ms a request",
        "bytes sent to OSS",
    ),
    Promise(
        "a job with a local input of 256 MB exists, from afar",
        "submit",
        "a local input of 256 MB, 50 ms a request",
        "until the job exists",
    ),
    Promise("calls for a job of 10,000 lines in 20 s", "logs", "10,000 lines in 20 s", "calls"),
    Promise("the last line shown after the job's end", "logs", "10,000 lines in 20 s", "delay of the last line"),
    Promise("calls a second of 500 deferred tasks", "triggers", "500 deferred, 10 s", "calls"),
    Promise("end of a job to its event, 500 deferred, p99", "triggers", "500 deferred, 10 s", "end to event, p99"),
    Promise("the same, 10,000 deferred", "triggers", "10,000 deferred, 10 s", "end to event, p99"),
    Promise("the same, 50,000 deferred", "triggers", "50,000 deferred, 10 s", "end to event, p99"),
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
