"""The same in TaskFlow style: plain functions that use the hooks.

An operator waits deferred, goes on with its job after a crash and stops it when the task is killed. A function that
calls ``submit_or_adopt`` gets the second of these: its owner finds the job of the try before.
"""

import json
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, get_current_context, task

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
    from airflow_provider_pai.model.training.arguments import checked_spec
    from airflow_provider_pai.operators.attempt import owner_of

    hook = PAITrainingHook()
    spec = checked_spec(
        {
            "image_uri": image_uri,
            "instance_type": "ecs.c6.large",
            "source_dir": str(HERE / "centroids"),
            "command": "python train.py $PAI_USER_ARGS",
            "hyperparameters": {"validation-share": 0.3},
            "inputs": {"train": table_uri},
            "max_run_time": 1800,
        }
    )
    owner = owner_of(get_current_context()["ti"], retries=1)
    job, _ = hook.submit_or_adopt(spec, owner, "centroids")
    job = hook.wait(job.job_id, interval=3, show=lambda lines: print(*lines, sep="\n"))
    if not job.is_success:
        raise AirflowFailException(f"job {job.job_id}: {job.reason}")
    return job.outputs["model"]


@task
def judge(model_uri: str) -> dict[str, Any]:
    """Read what the job wrote; fail when its model is not good enough."""
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    accuracy = json.loads(PAIOSSHook().read(f"{model_uri}model.json"))["accuracy"]
    if accuracy < ACCURACY_BAR:
        raise AirflowFailException(f"accuracy {accuracy:.4f} is under the bar of {ACCURACY_BAR}")
    return {"model_uri": model_uri, "accuracy": accuracy}


with DAG("taskflow", schedule=None, tags=["pai"], doc_md=__doc__):
    judge(train(choose_image(), upload_table()))
