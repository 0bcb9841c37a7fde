"""The tables and the plot of benchmarks say what their reports hold, and leave out what was not measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.__main__ import NAMES, PROMISED, SECONDS, measured, verdict
from benchmarks.machine import Machine
from benchmarks.plot import deferred_svg
from benchmarks.report import Report, saved
from benchmarks.summary import PROMISES, summary


def deferred() -> Report:
    report = Report("triggers", "Deferred tasks")
    for case, calls in (("500 deferred, 10 s", 1.0), ("10,000 deferred, 10 s", 1.5)):
        report.add(case, "calls", "ours", calls, "1/s", bar=2)
        report.add(case, "end to event, p50", "ours", 0.6, "s")
        report.add(case, "end to event, p99", "ours", 1.2, "s", bar=1.5)
    for peer, calls in (("quick 1.0", 50.0), ("slow 2.0", 100.0)):
        report.add("500 deferred, 10 s", "calls", peer, calls, "1/s")
        report.add("500 deferred, 10 s", "end to event, p99", peer, 9.9, "s")
    return report


def test_a_row_names_ours_the_best_peer_the_limit_and_the_ratio() -> None:
    rows = summary([deferred()]).splitlines()
    assert "| calls a second of 500 deferred tasks | 1 1/s | 50 1/s (quick 1.0) | 2 1/s | 50 times |" in rows
    assert "| the same, 10,000 deferred | 1.2 s |  | 1.5 s |  |" in rows
    assert len(rows) == 2 + 3


def test_the_plot_has_a_line_for_each_who_and_is_well_formed() -> None:
    root = ET.fromstring(deferred_svg(deferred()))
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ours", "ours, p50", "ours, p99", "quick 1.0", "slow 2.0, p99"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2 + 2 + 2 + 2 * 2


def test_a_bar_that_was_not_held_is_named_at_the_end() -> None:
    report = deferred()
    assert verdict([report]) == "All 4 bars were held."
    report.add("500 deferred, 10 s", "loop lag, worst", "ours", 0.25, "s", bar=0.1)
    assert verdict([report]).splitlines() == [
        "1 of 5 bars were NOT held:",
        "  triggers: 500 deferred, 10 s: loop lag, worst is 0.25 s, and must be 0.1 at most",
    ]


def test_a_benchmark_that_fails_takes_nothing_from_the_others_and_leaves_no_older_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine.this()
    for name in ("imports", "triggers"):
        Report(name, "of an earlier run").save(tmp_path, machine)

    def run(name: str) -> Report:
        if name == "imports":
            raise TimeoutError("it did not end")
        report = Report(name, "of this run")
        report.save(tmp_path, machine)
        return report

    reports, failed = measured(["imports", "triggers", "logs"], tmp_path, run)
    assert ([report.name for report in reports], failed) == (["triggers", "logs"], ["imports"])
    assert [report.title for report, _ in saved(tmp_path, NAMES)] == ["of this run"] * 2
    assert "TimeoutError: it did not end" in capsys.readouterr().err


def test_all_that_is_promised_is_measured_within_fifteen_minutes() -> None:
    assert {promise.benchmark for promise in PROMISES} <= set(PROMISED) < set(NAMES)
    assert sum(SECONDS[name] for name in PROMISED) <= 15 * 60
