"""What runs beside a job's code runs on the Pythons of PAI's images, from 3.6 on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG

import airflow_provider_pai.in_job
from airflow_provider_pai.decorators.training import pai_training_task
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.function.package import function_files
from airflow_provider_pai.model.function.report import parse_report_file
from tests.support.attempt import Attempt, executed, training
from tests.support.docker_engine import DockerImage
from tests.support.python_image import python_image

REPORTER = Path(airflow_provider_pai.in_job.__file__).parent / "pai_report.py"

VERSIONS = ("3.6", "3.7", "3.8", "3.10", "3.12", "3.13")


def interpreter(version: str) -> str:
    """Return a Python of this version; skips the test where there is none."""
    known = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for path in filter(None, known):
        found = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
        if found.stdout.startswith(f"Python {version}."):
            return str(path)
    pytest.skip(f"there is no Python {version} here")


def hinted(a: int, b: Absent = 2, *, c: Absent | None = None) -> dict[str, Any]:  # noqa: F821
    import pai_report

    pai_report.progress(0.5, "half")
    return {"sum": a + b, "c": c}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_function_runs_and_reports_on_it(version: str, tmp_path: Path) -> None:
    python = interpreter(version)
    for name, text in function_files(hinted, [], [1], {}).items():
        (tmp_path / name).write_text(text, "utf-8")
    environment = {**os.environ, "PAI_TRAINING_JOB_ID": "train1", "PAI_OUTPUT_REPORT": str(tmp_path)}
    done = subprocess.run([python, "pai_function.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = parse_report_file((tmp_path / "report.json").read_bytes())
    assert (report.result, report.progress) == ({"sum": 3, "c": None}, 0.5)


SCRIPT = """
import pai_report
pai_report.progress(0.5, "half")
pai_report.metric("loss", 0.25, step=1)
pai_report.result({"a": 1})
print("end")
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_script_with_the_reporter_runs_unchanged_by_hand(version: str, tmp_path: Path) -> None:
    shutil.copy(REPORTER, tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAI_")}
    command = [interpreter(version), "-W", "error", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)
    assert not (tmp_path / "report.json").exists()


def test_script_and_function_report_from_an_image_with_python_3_6(
    docker: DockerImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(SCRIPT + "import sys\nassert sys.version_info[:2] == (3, 6)\n")
    image = python_image(docker.address, tmp_path, interpreter("3.6"), "airflow-provider-pai-tests/python36:1")
    with image as name, LocalPAI(tmp_path / "pai", runtime=RuntimeKind.DOCKER) as server:
        monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", server.ready.airflow_conn_uri)
        script = training(image=None, image_uri=name, command="python train.py", source_dir=str(source), reports=True)
        value = executed(script, Attempt(task_id="train").context)
        assert (value["result"], value["metrics"]) == ({"a": 1}, {"loss": 0.25})
        with DAG("older", schedule=None):
            made = pai_training_task(hinted, image_uri=name, instance_type="ecs.c6.large", poll_interval=0.2)
            function = made(1, c=["é"]).operator  # type: ignore[operator]
        assert executed(function, Attempt(task_id="hinted").context) == {"sum": 3, "c": ["é"]}
