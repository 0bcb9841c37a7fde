"""What runs beside a job's code runs on the Pythons of PAI's images, from 3.6 on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import airflow_provider_pai.in_job
from airflow_provider_pai.model.function.package import function_files
from airflow_provider_pai.model.function.report import parse_report_file

VERSIONS = ("3.6", "3.7", "3.8", "3.10", "3.12", "3.13")


def interpreter(version: str) -> str:
    """Return a Python of this version; skips the test where there is none."""
    known = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for path in filter(None, known):
        found = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
        if found.stdout.startswith(f"Python {version}."):
            return str(path)
    pytest.skip(f"there is no Python {version} here")


def plain(a, b=2):
    import pai_report

    pai_report.progress(0.5, "half")
    return {"sum": a + b}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_function_runs_and_reports_on_it(version: str, tmp_path: Path) -> None:
    python = interpreter(version)
    for name, text in function_files(plain, [], [1], {}).items():
        (tmp_path / name).write_text(text, "utf-8")
    environment = {**os.environ, "PAI_TRAINING_JOB_ID": "train1", "PAI_OUTPUT_REPORT": str(tmp_path)}
    done = subprocess.run([python, "pai_function.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = parse_report_file((tmp_path / "report.json").read_bytes())
    assert (report.result, report.progress) == ({"sum": 3}, 0.5)


def test_a_script_with_the_reporter_runs_unchanged_by_hand(tmp_path: Path) -> None:
    shutil.copy(Path(airflow_provider_pai.in_job.__file__).parent / "pai_report.py", tmp_path)
    (tmp_path / "train.py").write_text("import pai_report\npai_report.result({'a': 1})\nprint('end')\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAI_")}
    done = subprocess.run(["python3", "train.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("end\n", 0)
    assert not (tmp_path / "report.json").exists()
