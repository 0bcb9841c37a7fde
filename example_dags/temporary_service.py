"""Try a model on a service that lives as long as the tests need it.

``deploy`` is a setup task and ``delete`` its teardown: the service is deleted whether the tests pass or fail, and a
failed test still fails the run. Clearing a test runs setup and teardown with it.
"""

import csv
import json
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, get_current_context, task
from breast_cancer.steps import HERE, prepare_data

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.services import PAIDeleteServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

SERVICE = "breast_cancer_trial"


@task
def table_parts(data: dict[str, str]) -> dict[str, str]:
    """Return what the job reads."""
    return {name: data[name] for name in ("train", "validation")}


@task
def trials() -> list[dict[str, Any]]:
    """Return what to ask the service, and what its answers must be between."""
    with (HERE / "data" / "wisconsin_breast_cancer.csv").open(newline="") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    benign, malignant = (next(row[:-1] for row in rows if row[-1] == kind) for kind in (1, 0))
    return [
        {"name": "benign", "rows": [benign], "least": 0.5, "most": 1.0},
        {"name": "malignant", "rows": [malignant], "least": 0.0, "most": 0.5},
    ]


@task(map_index_template="{{ trial_name }}")
def ask(trial: dict[str, Any]) -> float:
    """Ask the service once, and fail when the answer is wrong; Airflow's pages show each trial by its name."""
    from airflow_provider_pai.hooks.services import PAIServiceHook
    from airflow_provider_pai.model.serving.smoke_test import SmokeTest

    get_current_context()["trial_name"] = trial["name"]
    answer = PAIServiceHook().ask(SERVICE, SmokeTest(method="POST", json={"rows": trial["rows"]}))
    benign = float(json.loads(answer.text)["benign"][0])
    if not trial["least"] <= benign <= trial["most"]:
        raise AirflowFailException(f"{trial['name']}: {benign:.3f} is not in {trial['least']} to {trial['most']}")
    return benign


with DAG("temporary_service", schedule=None, max_active_runs=1, tags=["pai"], doc_md=__doc__):
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        source_dir=str(HERE / "source"),
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        hyperparameters={"learning-rate": 0.1, "max-depth": 2, "n-estimators": 60, "random-state": 7},
        inputs=table_parts(prepare_data()),
        reports=True,
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
    )
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name=SERVICE,
        model_uri=train.output["model_uri"],
        image_uri="{{ ti.xcom_pull(task_ids='train')['image_uri'] }}",
        source_dir=str(HERE / "serve"),
        command="python serve.py",
        instance_type="ecs.c6.large",
        poll_interval=3,
    ).as_setup()
    delete = PAIDeleteServiceOperator(task_id="delete", service_name=SERVICE).as_teardown(setups=deploy)
    deploy >> ask.expand(trial=trials()) >> delete
