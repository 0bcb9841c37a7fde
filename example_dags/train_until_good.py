"""Train again, with more rows to learn from each time, until the model is good enough: five times at most.

Needs the loops of Airflow 3.4; with an older one this file holds no DAG. Each pass has a job of its own: a retry of a
pass adopts the job of that pass, and no other.
"""

from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_pai.operators.training import PAITrainingOperator

try:
    from airflow.sdk import LoopDecision
except ImportError:
    LoopDecision = None

HERE = Path(__file__).parent / "breast_cancer"
ACCURACY_BAR = 0.93


@task
def hyperparameters(*, loop: Any = None) -> dict[str, float]:
    """Return what this pass trains with: fewer rows to validate with are more to learn from."""
    return {"validation-share": 0.5 / (loop.index + 1)}


@task
def judged(model_uri: str, metrics: dict[str, float]) -> dict[str, Any]:
    """Return what the loop decides by."""
    return {"model_uri": model_uri, "accuracy": metrics["accuracy"]}


@task_group
def attempt() -> None:
    """Train once."""
    train = PAITrainingOperator(
        task_id="train",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        source_dir=str(HERE / "centroids"),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters=hyperparameters(),
        inputs={"train": str(HERE / "data" / "wisconsin_breast_cancer.csv")},
        metric_definitions=[{"name": "accuracy", "regex": r"accuracy=([0-9.]+)"}],
        base_job_name="centroids",
        max_run_time=1800,
        poll_interval=3,
    )
    judged(train.output["model_uri"], train.output["metrics"])


def good_enough(*, loop: Any) -> Any:
    """Say whether the loop ends; Airflow calls it after each pass."""
    accuracy = loop.result["accuracy"]
    return LoopDecision(stop=accuracy >= ACCURACY_BAR, reason=f"accuracy {accuracy:.4f}, needs {ACCURACY_BAR}")


if LoopDecision is not None:
    with DAG("train_until_good", schedule=None, tags=["pai"], doc_md=__doc__):
        attempt.loop(max_iterations=5, until=good_enough)
