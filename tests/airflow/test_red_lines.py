"""Tasks that have no page to link to: their logs show no error in ``dag.test()`` and ``airflow dags test``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.testing.local_pai import PAITestServer
from devtools.airflow_home import AirflowHome

DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

JOB = {"command": "echo hello > $PAI_OUTPUT_MODEL/model", "image_uri": "registry/image:1"}

with DAG("without_pages", schedule=None):
    dry = PAITrainingOperator(task_id="dry", instance_type="ecs.c6.large", dry_run=True, **JOB)
    here = PAITrainingOperator(task_id="here", command=JOB["command"], instance_type="local")
    wrong = PAITrainingOperator(task_id="wrong", instance_type="ecs.c6.large", command="", image_uri="registry/image:1")
    paged = PAITrainingOperator(
        task_id="paged", instance_type="ecs.c6.large", deferrable=True, poll_interval=0.2, **JOB
    )
    dry >> here >> paged >> wrong
"""


def test_a_task_without_a_page_logs_no_error(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "without_pages.py").write_text(DAG_FILE)
    run = PAITestServer(pai, "pai_default").run_dag(tmp_path / "without_pages.py")
    assert run.states == {"dry": "success", "here": "success", "paged": "success", "wrong": "failed"}, run.output
    red = re.findall(r"^.*\[error +\].*$", run.output, re.MULTILINE)
    # The wrong one says what is wrong with it, and nothing else.
    assert [line for line in red if "Task failed with exception" not in line] == []
    assert run.xcom("paged", "_pai_link") == run.xcom("paged", "console_url")


@pytest.mark.cluster
def test_in_a_terminal_a_dry_run_and_a_local_job_print_no_red_line(pai: LocalPAI, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "without_pages.py").write_text(DAG_FILE)
    home = AirflowHome(tmp_path / "airflow", dags, {"AIRFLOW_CONN_PAI_DEFAULT": pai.ready.airflow_conn_uri})
    environment = home.environment(0, (0, 0))
    home.prepare_database(environment, Path(__file__).parents[2] / ".demo" / "cache")
    for task_id, shown in {"dry": "Dry run; this would be sent", "here": "has succeeded"}.items():
        command = [sys.executable, "-m", "airflow", "tasks", "test", "without_pages", task_id]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert shown in output
        assert re.findall(r"^.*(?:\[error +\]|ERROR|Traceback).*$", output, re.MULTILINE) == []
