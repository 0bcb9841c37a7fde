"""Run benchmarks: all, or those named. Prints tables, keeps JSON; exit code 1 when a bar was not held."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import Machine, OtherWork
from benchmarks.plot import deferred_svg
from benchmarks.report import Report, number, saved
from benchmarks.summary import summary

SECONDS = {
    "imports": 50,
    "functions": 15,
    "submit": 100,
    "logs": 120,
    "triggers": 450,
    "next_task": 100,
    "local_start": 25,
    "local_cost": 30,
}
"""The benchmarks, modules of this package with a function ``run() -> Report``; each takes about so many seconds on two
processors that have nothing else to do."""
NAMES = tuple(SECONDS)
PROMISED = tuple(name for name in NAMES if name != "local_cost")
"""Those that are run when none is named; what a request to local PAI costs is promised nowhere."""
MOST_OTHERS = 0.25
"""Processors that other work may keep busy before figures are said to be measured beside it."""
HERE = Path(__file__).resolve().parent
README, RESULTS = HERE / "README.md", HERE / "RESULTS.md"
PLOT = HERE.parent / "docs" / "deferred.svg"
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names; this process's by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(NAMES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {names} (default: all but local_cost)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON (default: %(default)s)")
    parser.add_argument(
        "--readme",
        action="store_true",
        help="run nothing; write the tables and the plot of the last runs",
    )
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {names}")
    if chosen.readme:
        return _write_documents(chosen.out)
    machine, planned = Machine.this(), chosen.names or PROMISED
    print(f"{machine}\n\nAbout {_minutes(sum(SECONDS[name] for name in planned))}: {_plan(planned)}\n", flush=True)
    begun = time.monotonic()
    reports, failed = measured(planned, chosen.out, lambda name: _run(name, chosen.out, machine))
    if not chosen.names:
        _write_documents(chosen.out)
        print(f"Written: {', '.join(str(each.relative_to(HERE.parent)) for each in (RESULTS, README, PLOT))}")
    print(f"{_minutes(time.monotonic() - begun)} in all.\n{verdict(reports)}")
    if failed:
        print(f"NOT measured, since they failed (see above): {', '.join(failed)}")
    return 1 if failed or any(report.broken for report in reports) else 0


def measured(names: Sequence[str], out: Path, run: Callable[[str], Report]) -> tuple[list[Report], list[str]]:
    """Run benchmarks; one that fails takes nothing from the others, and leaves no figures of an earlier run.

    Args:
        names: the benchmarks.
        out: folder of the JSON.
        run: runs one, and keeps its JSON.

    Returns:
        The reports, and the names of those that failed.
    """
    reports, failed = [], []
    for name in names:
        (out / f"{name}.json").unlink(missing_ok=True)
        try:
            reports.append(run(name))
        except Exception:  # noqa: BLE001 - what others have measured for minutes must not be lost
            traceback.print_exc()
            failed.append(name)
    return reports, failed


def verdict(reports: Sequence[Report]) -> str:
    """Return, for the end of a terminal's output, which bars were held and each one that was not."""
    broken = [(report, figure) for report in reports for figure in report.broken]
    barred = sum(figure.bar is not None for report in reports for figure in report.figures)
    if not broken:
        return f"All {barred} bars were held."
    lines = [
        f"  {report.name}: {figure.case}: {figure.measure} is {number(figure.value)} {figure.unit}".rstrip()
        + f", and must be {number(figure.bar)} at most"
        for report, figure in broken
    ]
    return "\n".join([f"{len(broken)} of {barred} bars were NOT held:", *lines])


def _plan(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {SECONDS[name]} s" for name in names)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def _run(name: str, out: Path, machine: Machine) -> Report:
    print(f"{name}, about {SECONDS[name]} s ...", flush=True)
    begun, others = time.monotonic(), OtherWork()
    report: Report = importlib.import_module(f"benchmarks.{name}").run()
    if others.cores > MOST_OTHERS:
        busy = f"{others.cores:.1f} of {machine.cores} processors"
        report.notes.append(f"Measured beside other work, which kept {busy} busy: times are too long.")
    file = report.save(out, machine)
    print(f"{report.text()}\n  {time.monotonic() - begun:.0f} s; {file}\n", flush=True)
    return report


def _write_documents(out: Path) -> int:
    found = list(saved(out, NAMES))
    machines = "".join(f"{machine}.\n\n" for machine in dict.fromkeys(str(machine) for _, machine in found))
    reports = [report for report, _ in found]
    RESULTS.write_text(f"# Results\n\n{machines}" + "\n".join(report.markdown() for report in reports))
    before, _, rest = README.read_text().partition(_BEGIN)
    README.write_text(f"{before}{_BEGIN}\n{machines}{summary(reports)}{_END}{rest.partition(_END)[2]}")
    for report in reports:
        if report.name == "triggers":
            PLOT.write_text(deferred_svg(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
