"""A deferred task in ``dag.test()``, as a DAG's author tries it: no scheduler, no triggerer; on Airflow 2.11, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from airflow_provider_pai.local.server import LocalPAI

DAG_FILE = """
import json

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_pai.operators.training import PAITrainingOperator


@task
def tell(job_id, model_uri):
    print("RESULT", json.dumps({"job_id": job_id, "model_uri": model_uri}))


with DAG("tried", schedule=None) as dag:
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        command="sleep 2; echo trained",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=0.5,
    )
    tell(train.output["job_id"], train.output["model_uri"])

if __name__ == "__main__":
    print("STATE", dag.test().state)
"""


def test_a_deferred_task_runs_to_its_end_in_dag_test(pai: LocalPAI, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "tried.py").write_text(DAG_FILE)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_PAI_DEFAULT": pai.ready.airflow_conn_uri,
    }
    told = [
        subprocess.run(
            [sys.executable, *command], env=environment, check=True, capture_output=True, text=True, timeout=300
        ).stdout
        for command in (["-m", "airflow", "db", "migrate"], [str(dags / "tried.py")])
    ][1]
    lines = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in told.splitlines() if " " in line}
    assert lines["STATE"] == "success"
    assert "trained" in told
    result = json.loads(told.split("RESULT ")[1].splitlines()[0])
    assert result["model_uri"].startswith("oss://")
    assert result["job_id"].startswith("train")
