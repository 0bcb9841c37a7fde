"""Run benchmarks: all, or those named. Prints tables, keeps JSON; exit code 1 when a bar was not held."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.plot import deferred_svg
from benchmarks.report import Report, saved
from benchmarks.summary import summary

NAMES = ("imports", "functions", "submit", "logs", "triggers", "local_start", "local_cost")
"""The benchmarks: modules of this package with a function ``run() -> Report``."""
HERE = Path(__file__).resolve().parent
README, RESULTS = HERE / "README.md", HERE / "RESULTS.md"
PLOT = HERE.parent / "docs" / "deferred.svg"
_BEGIN, _END = "<!-- results: begin -->", "<!-- results: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names; this process's by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(NAMES)}")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON (default: %(default)s)")
    parser.add_argument(
        "--readme",
        action="store_true",
        help="run nothing; write the tables and the plot of the last runs",
    )
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if chosen.readme:
        return _write_readme(chosen.out)
    machine = Machine.this()
    print(f"{machine}\n")
    broken = [name for name in chosen.names or NAMES if _run(name, chosen.out, machine).broken]
    if broken:
        print(f"Bars that were not held: see {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _run(name: str, out: Path, machine: Machine) -> Report:
    begun = time.monotonic()
    report: Report = importlib.import_module(f"benchmarks.{name}").run()
    file = report.save(out, machine)
    print(f"{report.text()}\n  {time.monotonic() - begun:.0f} s; {file}\n", flush=True)
    return report


def _write_readme(out: Path) -> int:
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
