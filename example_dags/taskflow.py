"""The same in TaskFlow style: plain functions that use the hooks.

``PAITrainingHook.train`` has one job per attempt of the task, as the operator has: a retry adopts the job that still
runs, and a killed task stops it. The operator can wait in the triggerer besides, and has a link to the job's page.
"""

import json
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

HERE = Path(__file__).parent / "breast_cancer"
ACCURACY_BAR = 0.9


@task
def choose_image() -> str:
    """Return the newest image for PyTorch on CPUs."""
    from airflow_provider_pai.hooks.images import PAIImageHook

    return PAIImageHook().retrieve("PyTorch", accelerator_type="CPU").uri


@task
def upload_table() -> str:
    """Put the table into OSS; returns its address."""
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    oss = PAIOSSHook()
    table = HERE / "data" / "wisconsin_breast_cancer.csv"
    return oss.upload(table, oss.default_folder("examples", "taskflow"))


@task(retries=1)
def train(image_uri: str, table_uri: str) -> str:
    """Train a model; returns its address."""
    from airflow_provider_pai.hooks.training import PAITrainingHook

    trained = PAITrainingHook().train(
        image_uri=image_uri,
        instance_type="ecs.c6.large",
        source_dir=str(HERE / "centroids"),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters={"validation-share": 0.3},
        inputs={"train": table_uri},
        base_job_name="centroids",
        labels={"example": "taskflow"},
        max_run_time=1800,
        poll_interval=3,
    )
    return str(trained["model_uri"])


@task
def count_jobs(model_uri: str) -> int:  # noqa: ARG001 - what it comes after
    """Return how many jobs of this example the workspace has had in 30 days."""
    from airflow_provider_pai.hooks.training import PAITrainingHook

    return len(PAITrainingHook().jobs({"example": "taskflow"}, status="Succeed"))


@task
def judge(model_uri: str) -> dict[str, Any]:
    """Read what the job wrote; fail when its model is not good enough."""
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    accuracy = json.loads(PAIOSSHook().read(f"{model_uri}model.json"))["accuracy"]
    if accuracy < ACCURACY_BAR:
        raise AirflowFailException(f"accuracy {accuracy:.4f} is under the bar of {ACCURACY_BAR}")
    return {"model_uri": model_uri, "accuracy": accuracy}


with DAG("taskflow", schedule=None, tags=["pai"], doc_md=__doc__):
    model = train(choose_image(), upload_table())
    judge(model)
    count_jobs(model)
