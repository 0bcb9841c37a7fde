"""Train until the model is good enough, five times at most, with more trees in each pass (Airflow 3.4's task loops).

Each pass is a task instance of its own with a job of its own: a retry in the second pass never takes the first pass's
job for its own. An Airflow before 3.4 has no loops and finds no DAG in this file.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task, task_group
from breast_cancer.steps import HERE, evaluate, prepare_data

from airflow_provider_pai.operators.training import PAITrainingOperator

METRIC = "validation_accuracy"
BAR = 0.96


@task_group
def attempt(data: dict[str, str]) -> None:
    """Train once; ``loop.index`` is 0 in the first pass."""
    PAITrainingOperator(
        task_id="train",
        deferrable=True,
        source_dir=str(HERE / "source"),
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        hyperparameters={
            "learning-rate": 0.1,
            "max-depth": 2,
            "n-estimators": "{{ 20 * 2 ** loop.index }}",
            "random-state": 7,
        },
        inputs={"train": data["train"], "validation": data["validation"]},
        metric_definitions=[{"name": METRIC, "regex": rf"{METRIC}=([0-9.]+)"}],
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
        retries=1,
        retry_delay=timedelta(seconds=10),
    )


def is_good(*, loop: Any) -> bool:
    """Return whether the pass that has just ended is the last one; five passes without a good one fail the run."""
    return float(loop.result["metrics"][METRIC]) >= BAR


@task
def last_model(ti: Any) -> str:
    """Return the model of the last pass; of a task in a loop there is a value for each."""
    return str(list(ti.xcom_pull(task_ids="attempt.train"))[-1]["model_uri"])


if hasattr(attempt, "loop"):
    with DAG("train_until_good", schedule=None, tags=["pai"], doc_md=__doc__):
        rows = prepare_data()
        passes = attempt.partial(data=rows).loop(max_iterations=5, until=is_good)
        model_uri = last_model()
        passes >> model_uri
        evaluate(model_uri, rows["test"])
