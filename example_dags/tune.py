"""Train with several hyperparameters at once, and deploy the best model.

Each combination is a mapped task, which is a job of its own. They wait deferred, so a hundred of them take no worker.
Airflow's pages show each by its hyperparameters, as ``map_index_template`` says, and not by a number.
"""

from itertools import product
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from breast_cancer.steps import HERE, prepare_data

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

METRIC = "validation_accuracy"
SHOWN = "rate {{ task.hyperparameters['learning-rate'] }}, depth {{ task.hyperparameters['max-depth'] }}"


@task
def combinations() -> list[dict[str, Any]]:
    """Return the hyperparameters to try."""
    return [
        {"learning-rate": rate, "max-depth": depth, "n-estimators": 60, "random-state": 7}
        for rate, depth in product((0.05, 0.2), (2, 3))
    ]


@task
def table_parts(data: dict[str, str]) -> dict[str, str]:
    """Return what a job reads; the rows to test with are none of its business."""
    return {name: data[name] for name in ("train", "validation")}


@task(multiple_outputs=True)
def best(trained: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result of the task with the best model; the first of several."""
    return max(trained, key=lambda each: float(each["metrics"][METRIC]))


with DAG("tune", schedule=None, tags=["pai"], doc_md=__doc__):
    train = PAITrainingOperator.partial(
        task_id="train",
        map_index_template=SHOWN,
        deferrable=True,
        source_dir=str(HERE / "source"),
        reports=True,  # the script reports its progress and a result
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        inputs=table_parts(prepare_data()),
        metric_definitions=[{"name": METRIC, "regex": rf"{METRIC}=([0-9.]+)"}],
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
    ).expand(hyperparameters=combinations())
    winner = best(train.output)
    PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name="breast_cancer_tuned",
        model_uri=winner["model_uri"],
        image_uri=winner["image_uri"],
        source_dir=str(HERE / "serve"),
        command="python serve.py",
        instance_type="ecs.c6.large",
        poll_interval=3,
    )
