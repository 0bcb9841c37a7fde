"""What must hold in an environment of ``make test-matrix``; runs with its interpreter, with nothing of this repository.

It imports every module, looks for the provider in Airflow's list, parses the examples, and trains, judges and deploys
a model on local PAI.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

WITHOUT = "airflow_provider_pai.operators.retry_policy"
"""Needs Airflow 3.3."""
OPTIONAL = ("openlineage", "airflow.providers.openlineage", "fsspec")
"""Packages that a module may need, which is loaded only where they are."""


def main(examples: Path) -> str:
    """Check everything and return one line on it."""
    airflow = Path(sys.executable).with_name("airflow")
    subprocess.run([airflow, "db", "migrate"], check=True, capture_output=True)
    listed = subprocess.run([airflow, "providers", "list", "-o", "plain"], check=True, capture_output=True, text=True)
    if "airflow-provider-pai" not in listed.stdout:
        raise AssertionError("Airflow does not list the provider")
    count = import_all()
    dags = parse(examples)
    run_pipeline()
    from airflow import __version__

    return f"Airflow {__version__}: {count} modules, {dags} DAGs, one pipeline"


def import_all() -> int:
    """Import every module of the package and return how many there are."""
    import airflow_provider_pai

    count = 0
    for module in pkgutil.walk_packages(airflow_provider_pai.__path__, "airflow_provider_pai."):
        # What runs inside a job imports what is beside it there.
        if module.name.endswith("__main__") or module.name.startswith("airflow_provider_pai.in_job."):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "").startswith(OPTIONAL):
                continue
            if module.name != WITHOUT and "retry polic" not in str(error).lower():
                raise
        count += 1
    return count


def parse(examples: Path) -> int:
    """Parse the examples and return how many DAGs there are."""
    try:
        module = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:
        module = importlib.import_module("airflow.models.dagbag")
    # As Airflow does with its folder of DAGs.
    sys.path.insert(0, str(examples))
    bag = module.DagBag(str(examples))
    if bag.import_errors:
        raise AssertionError(str(bag.import_errors))
    return len(bag.dags)


PIPELINE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

IMAGE = "registry.example/image:1"
with DAG("pipeline", schedule=None) as dag:
    train = PAITrainingOperator(
        task_id="train",
        command="echo auc=0.9 && echo model > /ml/output/model/model.txt || echo model > $PAI_OUTPUT_MODEL/model.txt",
        image_uri=IMAGE,
        instance_type="ecs.c6.large",
        metric_definitions=[{"name": "auc", "regex": "auc=([0-9.]+)"}],
        poll_interval=1,
    )
    gate = PAIModelGateOperator(
        task_id="gate",
        metrics=train.output["metrics"],
        model_uri=train.output["model_uri"],
        bars={"auc": {"min": 0.8}},
    )
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        service_name="pipeline",
        model_uri=train.output["model_uri"],
        image_uri=IMAGE,
        command="python3 -m http.server $PORT",
        instance_type="ecs.c6.large",
        poll_interval=1,
    )
    train >> gate >> deploy
"""


def run_pipeline() -> None:
    """Train, judge and deploy on local PAI."""
    from airflow_provider_pai.local.server import LocalPAI

    with tempfile.TemporaryDirectory() as home, LocalPAI(Path(home) / "pai") as pai:
        os.environ["AIRFLOW_CONN_PAI_DEFAULT"] = pai.ready.airflow_conn_uri
        folder = Path(home) / "dags"
        folder.mkdir()
        (folder / "pipeline.py").write_text(PIPELINE)
        airflow = Path(sys.executable).with_name("airflow")
        environment = os.environ | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
        done = subprocess.run([airflow, "dags", "test", "pipeline"], capture_output=True, text=True, env=environment)
        text = done.stdout + done.stderr
        # On 2.11 the command ends well whatever became of the run.
        if done.returncode or "Marking task as FAILED" in text or "version 1" not in text:
            said = [line for line in text.splitlines() if "rror" in line or "ailed" in line]
            raise AssertionError("\n".join([text[-3000:], *said])[-6000:])


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]))}\n")
