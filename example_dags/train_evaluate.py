"""Train a classifier on PAI, then score the model that the job left in OSS.

Runs in the cloud or on local PAI: only the Airflow connection ``pai_default`` differs. The task ``evaluate`` needs
scikit-learn on the worker.
"""

import csv
import random
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_pai.operators.training import PAITrainingOperator

HERE = Path(__file__).parent / "breast_cancer"
ACCURACY_BAR = 0.9


@task
def prepare_data() -> dict[str, str]:
    """Split the table and put the parts into OSS; returns their addresses."""
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    with (HERE / "data" / "wisconsin_breast_cancer.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    random.Random(7).shuffle(rows)  # noqa: S311 - a split, not a secret
    parts = {"train": rows[:369], "validation": rows[369:469], "test": rows[469:]}

    oss = PAIOSSHook()
    home = oss.default_folder("examples", "breast_cancer")
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            path = Path(folder) / f"{name}.csv"
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([header, *part])
            oss.upload(path, f"{home}{name}/")
    return {"train": f"{home}train/train.csv", "validation": f"{home}validation/", "test": f"{home}test/test.csv"}


@task
def evaluate(model_uri: str, test_uri: str) -> float:
    """Score the trained model on rows it has never seen; returns the accuracy."""
    import joblib

    from airflow_provider_pai.hooks.oss import PAIOSSHook

    with tempfile.TemporaryDirectory() as folder:
        oss = PAIOSSHook()
        oss.download(model_uri, folder)
        (test,) = oss.download(test_uri, folder)
        model = joblib.load(Path(folder) / "model.joblib")
        with test.open(newline="") as file:
            rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    return float(model.score([row[:-1] for row in rows], [int(row[-1]) for row in rows]))


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
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        hyperparameters={"learning-rate": 0.1, "max-depth": 3, "n-estimators": 100, "random-state": 7},
        inputs={"train": data["train"], "validation": data["validation"]},
        metric_definitions=[{"name": "validation_accuracy", "regex": r"validation_accuracy=([0-9.]+)"}],
        environments={"PYTHONUNBUFFERED": "1"},  # log lines as they are printed; PAI itself sets 0
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
        execution_timeout=timedelta(hours=1),
    )
    check(evaluate(train.output["model_uri"], data["test"]))
