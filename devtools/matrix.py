"""``make test-matrix``: the built wheel with each Airflow and Python that it is said to work with.

Each environment is made by ``uv``, with the newest versions of all dependencies or with the lowest that the wheel
names, and then checked by ``devtools/matrix_check.py``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / ".venv-matrix"
UV = Path(sys.executable).with_name("uv")
AIRFLOWS = ("2.11.0", "2.11.2", "3.0.6", "3.1.8", "3.2.2", "3.3.2", "3.4")
PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = ("lowest-direct", "highest")
QUICK = (("2.11.0", "3.11", "lowest-direct"), ("3.3.2", "3.12", "highest"))
"""What runs on every submission."""


@dataclass(frozen=True)
class Environment:
    """One of the matrix.

    Attributes:
        airflow: its version; one of two numbers is the newest pre-release of it.
        python: an interpreter.
        resolution: uv's: which versions of the dependencies.
    """

    airflow: str
    python: str
    resolution: str

    @property
    def requirement(self) -> str:
        """Return the requirement for Airflow."""
        return (
            f"apache-airflow=={self.airflow}" if self.airflow.count(".") == 2 else f"apache-airflow>={self.airflow}.0b1"
        )

    @property
    def folder(self) -> Path:
        """Return where it is made."""
        return FOLDER / f"{self.airflow}-{self.python_version}-{self.resolution}"

    @property
    def python_version(self) -> str:
        """Return the two numbers of its Python."""
        return next(version for version in PYTHONS if version in self.python)


def main(arguments: list[str] | None = None) -> int:
    """Check all environments, or some; 0 when all that could be made hold."""
    parser = argparse.ArgumentParser(prog="python -m devtools.matrix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the few of each submission")
    parser.add_argument("--airflow", action="append", help="only this version; may be given again")
    options = parser.parse_args(arguments)
    wheel = build_wheel()
    rows = [
        (environment, check(environment, wheel))
        for environment in environments(options.quick, options.airflow or AIRFLOWS)
    ]
    sys.stdout.write("\n| Airflow | Python | dependencies | outcome |\n|---|---|---|---|\n")
    for environment, outcome in rows:
        sys.stdout.write(
            f"| {environment.airflow} | {environment.python_version} | {environment.resolution} | {outcome} |\n"
        )
    return int(any(outcome.startswith("FAILED") for _, outcome in rows))


def environments(quick: bool, airflows: tuple[str, ...] | list[str]) -> Iterator[Environment]:
    """Yield what is to be checked, with the interpreters that this machine has."""
    for airflow in airflows:
        for version in PYTHONS:
            for resolution in RESOLUTIONS:
                wanted = (airflow, version, resolution) in QUICK or not quick
                if wanted and (python := find_python(version)):
                    yield Environment(airflow, python, resolution)


def find_python(version: str) -> str | None:
    """Return an interpreter of a version, or None where the machine has none."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    return str(found[-1]) if found else shutil.which(f"python{version}", path="/usr/local/bin:/usr/bin")


def build_wheel() -> Path:
    """Build the wheel and return where it is."""
    target = FOLDER / "dist"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", target, REPOSITORY], check=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def check(environment: Environment, wheel: Path) -> str:
    """Make an environment, check it, and return one line on how that went."""
    started = time.monotonic()
    shutil.rmtree(environment.folder, ignore_errors=True)
    python = environment.folder / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", environment.python, environment.folder], check=True)
    install: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--resolution",
        environment.resolution,
    ]
    if environment.airflow.count(".") == 1:
        install += ["--prerelease", "allow"]
    packages = [f"{wheel}[local]", environment.requirement, "scikit-learn>=1.5", "pytest>=8"]
    made = subprocess.run([*install, *packages], capture_output=True, text=True)
    if made.returncode:
        # Not every Airflow has releases of its dependencies for every Python: that is for a reader to judge.
        return f"not resolvable: {' '.join(made.stderr.split())[:200]}"
    home = environment.folder / "airflow"
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "ALIBABA_CLOUD"))
    }
    variables |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    script = REPOSITORY / "devtools" / "matrix_check.py"
    steps: tuple[list[str | Path], ...] = (
        [UV, "pip", "check", "--python", python],
        [python, script, REPOSITORY / "example_dags"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, env=variables, cwd=environment.folder)
        if done.returncode:
            sys.stdout.write(done.stdout[-4000:] + done.stderr[-4000:])
            return f"FAILED: {' '.join((done.stderr.strip() or done.stdout.strip()).splitlines()[-1:])[:200]}"
    seconds = time.monotonic() - started
    outcome = f"{done.stdout.strip().splitlines()[-1]} ({seconds:.0f} s)"
    shutil.rmtree(environment.folder, ignore_errors=True)
    sys.stdout.write(f"{environment.airflow} {environment.python_version} {environment.resolution}: {outcome}\n")
    sys.stdout.flush()
    return outcome


if __name__ == "__main__":
    sys.exit(main())
