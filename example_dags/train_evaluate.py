"""Train a classifier on PAI, then score the model that the job left in OSS.

Runs in the cloud or on local PAI: only the Airflow connection ``pai_default`` differs. The task ``evaluate`` needs
scikit-learn on the worker.
"""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task
from breast_cancer.steps import HERE, evaluate, prepare_data

from airflow_provider_pai.operators.training import PAITrainingOperator

ACCURACY_BAR = 0.9


@task
def check(accuracy: float) -> None:
    """Fail the run when the model is not good enough."""
    if accuracy < ACCURACY_BAR:
        raise AirflowFailException(f"accuracy {accuracy:.4f} is under the bar of {ACCURACY_BAR}")


with DAG("train_evaluate", schedule=None, tags=["pai"], doc_md=__doc__):
    data = prepare_data()
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        source_dir=str(HERE / "source"),
        reports=True,  # the script reports its progress and a result
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        hyperparameters={"learning-rate": 0.1, "max-depth": 3, "n-estimators": 100, "random-state": 7},
        inputs={"train": data["train"], "validation": data["validation"]},
        metric_definitions=[{"name": "validation_accuracy", "regex": r"validation_accuracy=([0-9.]+)"}],
        environments={"PYTHONUNBUFFERED": "1"},  # log lines as they are printed; PAI itself sets 0
        model_asset="oss://models/breast_cancer",  # deploy_on_new_model.py waits for it
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
        execution_timeout=timedelta(hours=1),
    )
    check(evaluate(train.output["model_uri"], data["test"]))
