"""What very many deferred tasks cost the process they wait in, and how late they hear of their jobs' ends.

``python -m benchmarks.triggers --quick`` takes a minute and leaves out the peers and the largest case.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.many_triggers import ManyTriggers, cloud, idle_memory, observed
from benchmarks.peers import Environment
from benchmarks.report import OURS, Report
from benchmarks.spread import Spread

_DISTRIBUTIONS = {
    "sagemaker": "apache-airflow-providers-amazon",
    "databricks": "apache-airflow-providers-databricks",
}
_CALLS, _CYCLE, _MEMORY, _GROWTH = "calls", "calls of a poll cycle, most", "RSS over an idle trigger", "RSS growth"
_STEADY, _MISSING, _LAG, _DELAY = "CPU until steady", "events missing", "loop lag", "end to event"


@dataclass(frozen=True)
class Case:
    """So many deferred tasks.

    Attributes:
        many: the tasks.
        bars: the most that figures may be, by measure.
    """

    many: ManyTriggers
    bars: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the case is called."""
        logs = ", with logs" if self.many.logs else ""
        return f"{self.many.count:,} deferred, {self.many.interval:g} s{logs}"


_PROMISED = {
    f"{_DELAY}, p50": 0.8,
    f"{_DELAY}, p99": 1.5,
    _CALLS: 2,
    _MISSING: 0,
    _MEMORY: 0.02,
    f"{_LAG}, p99": 0.02,
}
_500 = Case(ManyTriggers(500, 10, 20, 38), {**_PROMISED, _STEADY: 0.2, f"{_LAG}, worst": 0.1})
CASES = (
    _500,
    Case(ManyTriggers(10_000, 10, 25, 60), _PROMISED),
    Case(ManyTriggers(50_000, 10, 70, 165), _PROMISED),
    Case(ManyTriggers(500, 10, 40, 55, "sagemaker")),
    Case(ManyTriggers(500, 10, 20, 30, "databricks")),
    Case(ManyTriggers(500, 10, 25, 35, logs=True)),
)
QUICK = (_500, Case(ManyTriggers(2_000, 10, 20, 40)))


def run(cases: Sequence[Case] = CASES) -> Report:
    """Measure: about seven minutes."""
    report = Report("triggers", "Deferred tasks in one process")
    report.notes += [
        "All wait in one process for jobs of a server in another, which end at random times.",
        "Calls a second and the processor time of an interval are those of the last interval before the first end;",
        "until steady is what the time before took beyond that. A poll cycle begins with the first page of a list.",
        "What Airflow has loaded before is frozen: the garbage collector's walk over it counts for none of them.",
        "Peers read no logs in their triggers; but for the case that says so, ours don't here either.",
    ]
    with cloud() as url:
        for case in cases:
            many = case.many
            environment = Environment.OURS if many.who == OURS else Environment.PEERS
            if environment.is_there:
                _add(report, case, environment, url)
            else:
                report.notes.append(f"{many.who} was left out: there is no {environment.value}")
    return report


def _add(report: Report, case: Case, environment: Environment, url: str) -> None:
    many = case.many
    seen = observed(many, environment, url)
    idle = idle_memory(many.count, environment, url)
    who = OURS if many.who == OURS else f"{many.who} {environment.version(_DISTRIBUTIONS[many.who])}"
    lag, delay = seen.lag, Spread.of(seen.delays)
    figures = [
        (_CALLS, seen.calls_per_second, "1/s"),
        (_CYCLE, seen.largest_cycle, ""),
        ("connections", seen.connections, ""),
        (_STEADY, seen.cpu_to_steady, "s"),
        ("CPU of an interval", seen.cpu_per_second * many.interval, "s"),
        (_MEMORY, (seen.memory - idle) / many.count, "MiB"),
        (_GROWTH, seen.memory, "MiB"),
        *((f"{_LAG}, {name}", value, "s") for name, value in _named(lag)),
        *((f"{_DELAY}, {name}", value, "s") for name, value in _named(delay)),
        (_MISSING, many.count - delay.count, ""),
    ]
    for measure, value, unit in figures:
        report.add(case.name, measure, who, value, unit, bar=case.bars.get(measure))
    report.notes += [f"{who}, {case.name}: {failure}" for failure in seen.failures]


def _named(spread: Spread) -> list[tuple[str, float]]:
    return [("p50", spread.p50), ("p99", spread.p99), ("worst", spread.most)]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.triggers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of eight")
    parser.add_argument("--case", action="append", type=int, metavar="N", help="only the N-th case (from 1)")
    chosen = parser.parse_args()
    cases = QUICK if chosen.quick else CASES
    report = run([cases[number - 1] for number in chosen.case] if chosen.case else cases)
    print(report.text())
    print(json.dumps({figure.measure: figure.value for figure in report.broken}))


if __name__ == "__main__":
    main()
