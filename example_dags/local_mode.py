"""Train on the Airflow worker itself: no account, no upload, the model in a folder of the worker.

The same task runs in the cloud with an ECS instance type, an image, and its input in OSS.
"""

from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_pai.operators.training import PAITrainingOperator

HERE = Path(__file__).parent / "breast_cancer"
ACCURACY_BAR = 0.9


@task
def check(model_uri: str) -> float:
    """Fail the run when the model is not good enough; returns the accuracy that it was validated with."""
    import json

    accuracy = float(json.loads((Path(model_uri) / "model.json").read_text())["accuracy"])
    if accuracy < ACCURACY_BAR:
        raise AirflowFailException(f"accuracy {accuracy:.4f} is under the bar of {ACCURACY_BAR}")
    return accuracy


with DAG("local_mode", schedule=None, tags=["pai"], doc_md=__doc__):
    train = PAITrainingOperator(
        task_id="train",
        instance_type="local",
        source_dir=str(HERE / "centroids"),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters={"validation-share": 0.3},
        inputs={"train": str(HERE / "data" / "wisconsin_breast_cancer.csv")},
        base_job_name="centroids",
    )
    check(train.output["model_uri"])
