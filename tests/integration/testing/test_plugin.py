"""The pytest plugin as another project uses it: in a folder of its own, with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

DAG = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("churn", schedule=None):
    PAITrainingOperator(
        task_id="train",
        command="{command}",
        image_uri="registry.example/image:1",
        instance_type="ecs.c6.large",
        metric_definitions=[{{"name": "auc", "regex": "auc=([0-9.]+)"}}],
        poll_interval=0.5,
    )
"""
GOOD = "echo auc=0.9; echo m > $PAI_OUTPUT_MODEL/model.txt"


def run_pytest(folder: Path, tests: str, *options: str, ini: str = "", code: int = 0) -> str:
    """Run tests of another project; return what pytest printed."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    environment["AIRFLOW_HOME"] = str(folder / "airflow")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "pytest",
            "-W",
            "error",
            "-p",
            "no:asyncio",
            "-p",
            "no:cacheprovider",
            "-q",
            *options,
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_five_lines_test_a_dag(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(DAG.format(command=GOOD))
    run_pytest(
        tmp_path,
        """
        def test_my_dag(local_pai):
            run = local_pai.run_dag("churn.py")
            assert run.state == "success"
            assert run.xcom("train", "metrics") == {"auc": 0.9}
            assert local_pai.read(run.xcom("train")["model_uri"] + "model.txt") == b"m\\n"
        """,
    )


def test_a_failing_job_is_seen_and_its_log_too(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(DAG.format(command="echo out of luck; exit 3"))
    run_pytest(
        tmp_path,
        """
        import pytest

        def test_my_dag(local_pai):
            run = local_pai.run_dag("churn.py", "churn")
            assert (run.state, run.states) == ("failed", {"train": "failed"})
            assert "out of luck" in run.output
            with pytest.raises(KeyError, match="has no XCom 'return_value'; it has"):
                run.xcom("train")
        """,
    )


def test_a_test_that_fails_shows_why_its_dag_did(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(DAG.format(command="echo out of luck; exit 3"))
    shown = run_pytest(
        tmp_path,
        """
        def test_my_dag(local_pai):
            assert local_pai.run_dag("churn.py").state == "success"
        """,
        code=1,
    )
    assert "churn.py: failed, tasks {'train': 'failed'}" in shown
    assert "out of luck" in shown


def test_faults_are_named_and_each_test_begins_with_a_clean_server(tmp_path: Path) -> None:
    run_pytest(
        tmp_path,
        """
        import pytest
        from airflow_provider_pai.errors import PAIError

        @pytest.mark.parametrize("number", range(4))
        def test_each(local_pai, number):
            with pytest.raises(Exception):
                local_pai.read("left")
            local_pai.put("left", "x")
            assert local_pai.calls("GetTrainingJob") == 0
            local_pai.fail("GetTrainingJob", "error", status=500, times=2)
            with pytest.raises(PAIError):
                local_pai.training_hook().get("train1234")
            assert local_pai.calls("GetTrainingJob") > 0
            with pytest.raises(ValueError, match="no valid kind|is not a valid"):
                local_pai.fail("GetTrainingJob", "flood")
        """,
        "-n",
        "2",
    )


def test_the_connection_is_there_before_dags_are_imported(tmp_path: Path) -> None:
    run_pytest(
        tmp_path,
        """
        import os

        AT_IMPORT = os.environ["AIRFLOW_CONN_MY_PAI"]

        def test_it(local_pai):
            assert AT_IMPORT == local_pai.conn_uri
            assert local_pai.conn_id == "my_pai"
        """,
        ini="local_pai_autostart = true\nlocal_pai_conn_id = my_pai\n",
    )


def test_a_file_that_can_not_be_run_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "other.py").write_text(DAG.format(command=GOOD))
    run_pytest(
        tmp_path,
        """
        import pytest
        from airflow_provider_pai.testing.dag_run import DagRunError

        def test_it(local_pai):
            with pytest.raises(DagRunError, match="nothing_of_that_name"):
                local_pai.run_dag("broken.py")
            with pytest.raises(DagRunError, match="no DAG 'chrun'; it has churn"):
                local_pai.run_dag("other.py", "chrun")
            with pytest.raises(DagRunError, match="no DAG file"):
                local_pai.run_dag("absent.py")
        """,
    )


@pytest.mark.parametrize("_", range(3))
def test_a_clean_state_takes_little_time(local_pai: object, _: int, request: pytest.FixtureRequest) -> None:
    from airflow_provider_pai.local.server import LocalPAI

    assert isinstance(local_pai, LocalPAI)
    begin = time.process_time()
    local_pai.reset()
    assert time.process_time() - begin < 0.1
