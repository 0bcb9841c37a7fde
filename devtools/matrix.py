"""``make test-matrix``: the built wheel with each Airflow and Python that it is said to work with.

Each environment is made by ``uv``, with the lowest versions of the dependencies that the wheel names or with the newest
that work with this Airflow, and then checked by ``devtools/matrix_check.py``. ``--write`` puts each row that was
measured into the table of ``docs/upgrading.md``, and ``--missing`` takes up a run that was ended.

An interpreter that the machine lacks is named, and its environments are left out; one that ``--python`` or ``--quick``
asks for is needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from devtools.interpreters import find_interpreter
from devtools.matrix_table import Row, read_rows, write_rows

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "upgrading.md"
FOLDER = REPOSITORY / ".venv-matrix"
UV = Path(sys.executable).with_name("uv")
AIRFLOWS = ("2.11.0", "2.11.2", "3.0.6", "3.1.8", "3.2.2", "3.3.2", "3.4")
PYTHONS = ("3.11", "3.12", "3.13")
DEPENDENCIES = ("lowest", "newest")
AS_OF = {"3.0.6": "2025-09-15", "3.2.2": "2026-06-15"}
"""Releases of Airflow that bound FastAPI and pydantic too loosely, and some day after them."""
ANY_DAY = (
    "alibabacloud-credentials",
    "alibabacloud-tea",
    "apache-airflow-providers-common-compat",
    "fastcrc",
    "isal",
    "oss2",
    "pathspec",
)
"""Dependencies of ours that have, or may get, floors newer than those days."""
UNDECLARED = (("2.11.0", "3.13"), ("2.11.2", "3.13"), ("3.0.6", "3.13"))
"""Pythons that these releases of Airflow do not declare; ``uv`` would install them."""
QUICK = (
    ("2.11.0", "3.11", "lowest"),
    ("3.0.6", "3.11", "newest"),
    ("3.3.2", "3.11", "lowest"),
    ("3.4", "3.11", "newest"),
)
"""What runs on every submission: the oldest and the newest, with the interpreter that every machine has."""
QUICK_DAY = "2026-11-30"
"""What has been published since counts for nothing there: no release of others turns a submission red."""


@dataclass(frozen=True)
class Environment:
    """One of the matrix.

    Attributes:
        airflow: its version; one of two numbers is the newest pre-release of it.
        python: such as ``3.12``.
        dependencies: ``lowest`` or ``newest``.
        today: day after which nothing is taken; None for all there is.
    """

    airflow: str
    python: str
    dependencies: str
    today: str | None = None

    @property
    def requirement(self) -> str:
        """Return the requirement for Airflow."""
        return f"apache-airflow>={self.airflow}.0b1" if self.is_prerelease else f"apache-airflow=={self.airflow}"

    @property
    def is_prerelease(self) -> bool:
        """Return whether it is no release yet."""
        return self.airflow.count(".") == 1

    @property
    def as_of(self) -> str | None:
        """Return the day after which nothing of its dependencies was published; None where today's work."""
        return AS_OF.get(self.airflow)

    @property
    def folder(self) -> Path:
        """Return where it is made."""
        return FOLDER / f"{self.airflow}-{self.python}-{self.dependencies}"

    @property
    def options(self) -> list[str]:
        """Return uv's options that choose its dependencies."""
        chosen = ["--resolution", "lowest-direct" if self.dependencies == "lowest" else "highest"]
        if self.is_prerelease:
            chosen += ["--prerelease", "allow"]
        if day := self.as_of or self.today:
            chosen += ["--exclude-newer", day]
        if self.as_of:
            today = self.today or datetime.now(UTC).date().isoformat()
            chosen += [f"--exclude-newer-package={name}={today}" for name in ANY_DAY]
        return chosen

    def is_of(self, row: Row) -> bool:
        """Return whether a row of the table is of this environment."""
        return row.airflow.startswith(self.airflow) and row.environment[1:] == (self.python, self.dependencies)

    def row(self, installed: str, outcome: str, commit: str) -> Row:
        """Return its row of the table; the commit is that of the wheel."""
        dependencies = f"{self.dependencies} ({self.as_of})" if self.as_of else self.dependencies
        return Row(installed, self.python, dependencies, outcome, f"{datetime.now(UTC).date().isoformat()}, {commit}")


class MatrixError(Exception):
    """An environment can't be made, or does not hold; the text says why, the last line first."""


def main(arguments: list[str] | None = None) -> int:
    """Check all environments, or some; 0 when all of them hold."""
    options = read_options(arguments)
    chosen = list(environments(options))
    if lacking := {environment.python for environment in chosen if not find_interpreter(environment.python)}:
        sys.stdout.write(f"This machine has no Python {', '.join(sorted(lacking))}.\n")
        if options.quick or options.python:
            return 1
    chosen = [environment for environment in chosen if environment.python not in lacking]
    commit, wheel = head_commit(), build_wheel()
    rows = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(lambda environment: _measure(environment, wheel, commit), chosen):
            rows.append(row)
            if options.write:
                write_rows(PAGE, [row])
    sys.stdout.write("\n" + "".join(map(str, rows)))
    failed = [row for row in rows if row.outcome != "holds"]
    sys.stdout.write(f"\n{len(rows) - len(failed)} of {len(rows)} environments hold.\n")
    return int(bool(failed))


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m devtools.matrix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the few of each submission")
    parser.add_argument("--airflow", action="append", choices=AIRFLOWS, help="only this version; may be given again")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this version; may be given again")
    parser.add_argument("--dependencies", action="append", choices=DEPENDENCIES, help="only these")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default: 1)")
    parser.add_argument("--missing", action="store_true", help=f"only those without a row in {PAGE.name}")
    parser.add_argument("--write", action="store_true", help=f"put the rows into {PAGE.relative_to(REPOSITORY)}")
    return parser.parse_args(arguments)


def environments(options: argparse.Namespace) -> Iterator[Environment]:
    """Yield what is to be checked, if the machine has the interpreters."""
    measured = [row for row in read_rows(PAGE.read_text()) if row.outcome == "holds"]
    for python, airflow, dependencies in product(
        options.python or PYTHONS, options.airflow or AIRFLOWS, options.dependencies or DEPENDENCIES
    ):
        environment = Environment(airflow, python, dependencies, QUICK_DAY if options.quick else None)
        wanted = (airflow, python, dependencies) in QUICK or not options.quick
        if options.missing and any(environment.is_of(row) for row in measured):
            continue
        if wanted and (airflow, python) not in UNDECLARED:
            yield environment


def build_wheel() -> Path:
    """Build the wheel and return where it is."""
    target = FOLDER / "dist"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", target, REPOSITORY], check=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def head_commit() -> str:
    """Return the short name of the commit that the wheel is built from, with ``changed`` where files differ from it.

    A copy without a history, or without git, has none: that is said in its place.
    """
    # The table itself is no part of what is measured.
    status = _git("status", "--porcelain", "--", ".", f":!{PAGE.relative_to(REPOSITORY)}")
    head = _git("rev-parse", "--short=8", "HEAD")
    if not head or status is None:
        return "no commit"
    return f"{head}, changed" if status else head


def _git(*arguments: str) -> str | None:
    """Return what git prints; None where it fails or is not installed."""
    if not (git := shutil.which("git")):
        return None
    done = subprocess.run([git, "-C", str(REPOSITORY), *arguments], capture_output=True, text=True)
    return None if done.returncode else done.stdout.strip()


def _measure(environment: Environment, wheel: Path, commit: str) -> Row:
    """Make an environment, check it, and return its row."""
    started = time.monotonic()
    try:
        installed, outcome = check(environment, wheel), "holds"
    except MatrixError as error:
        installed, outcome = environment.airflow, f"FAILED: {str(error).splitlines()[0][:160]}"
        sys.stdout.write(f"{error}\n")
    row = environment.row(installed, outcome.replace("|", "/"), commit)
    sys.stdout.write(f"{time.monotonic() - started:4.0f} s  {row}")
    sys.stdout.flush()
    return row


def check(environment: Environment, wheel: Path) -> str:
    """Make an environment, check it, and return the version of its Airflow.

    Raises:
        MatrixError: it can't be made, or does not hold.
    """
    folder = environment.folder
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "ALIBABA_CLOUD"))
    }
    variables |= {"AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    packages = [f"{wheel}[local]", environment.requirement, "scikit-learn>=1.5", "pytest>=8"]
    _run([UV, "venv", "--quiet", "--python", str(find_interpreter(environment.python)), folder], variables)
    _run([UV, "pip", "install", "--quiet", "--python", python, *environment.options, *packages], variables)
    _run([UV, "pip", "check", "--quiet", "--python", python], variables)
    script = REPOSITORY / "devtools" / "matrix_check.py"
    said = _run([python, script, REPOSITORY / "example_dags"], variables, folder=folder)
    shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"        {said.splitlines()[-1]}\n")
    return said.splitlines()[-1].split()[1].rstrip(":")


def _run(command: Iterable[str | Path], variables: dict[str, str], folder: Path = REPOSITORY) -> str:
    """Run a command and return what it printed last.

    Raises:
        MatrixError: it failed; first the last line of what it printed, then the end of all of it.
    """
    done = subprocess.run(list(command), capture_output=True, text=True, env=variables, cwd=folder)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no text").splitlines()
        raise MatrixError(f"{lines[-1]}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
