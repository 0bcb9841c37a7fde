"""Tasks that real workers run: each job reports a progress, and waits until the test lets it end."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.sensors.training import PAITrainingSensor

# The folder through which the test and its jobs speak with each other.
SIGNS = os.environ.get("TRAINING_TAB_SIGNS", "/nonexistent")

JOB: dict[str, Any] = {
    "reports": True,
    "source_dir": str(Path(__file__).parent / "source"),
    "command": "python held.py",
    "max_run_time": 900,
    "poll_interval": 1,
    "image_uri": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
    "instance_type": "ecs.c6.large",
}


def sign_of(name: str) -> dict[str, str]:
    """Return the variable that names the sign that a job waits for."""
    return {"SIGN": f"{SIGNS}/{{{{ ti.try_number }}}}-{name}"}


@task
def function() -> float:
    """Train with the hook: nothing but the function knows the connection."""
    from airflow_provider_pai.hooks.training import PAITrainingHook

    trained = PAITrainingHook("pai_of_function").train(environments={"SIGN": f"{SIGNS}/1-function"}, **JOB)
    return float(trained["metrics"]["loss"])


with DAG("worked", schedule=None):
    function()
    PAITrainingOperator(task_id="in_worker", environments=sign_of("in_worker"), **JOB)
    PAITrainingOperator(
        task_id="deferred",
        deferrable=True,
        environments=sign_of("deferred"),
        retries=1,
        retry_delay=timedelta(seconds=5),
        **JOB,
    )
    PAITrainingOperator.partial(task_id="mapped", deferrable=True, **JOB).expand(
        environments=[sign_of("mapped0"), sign_of("mapped1")]
    )
    # It sees no folder of the test's where the machine can keep jobs apart.
    PAITrainingOperator(task_id="on_worker", instance_type="local", command="echo {} > $PAI_OUTPUT_MODEL/model.json")
    submit = PAITrainingOperator(task_id="submit", wait_for_completion=False, environments=sign_of("submit"), **JOB)
    PAITrainingSensor(task_id="watched", job_id=submit.output["job_id"], deferrable=True, poke_interval=1)
