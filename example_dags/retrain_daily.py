"""Every day a new model of that day's data; it takes the place of the one that is served only when it is as good.

``gate`` holds the accuracy on the test rows against a bar and against the accuracy of the champion, the model that the
service answers with. ``deploy`` updates the service, asks it for a prediction, and rolls back to the champion when the
answer is not what it must be. The task ``evaluate`` needs scikit-learn on the worker.
"""

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG
from breast_cancer.steps import HERE, evaluate, prepare_data

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

SERVICE = "breast_cancer_daily"
# A run that a person starts has no data interval; it takes the data of its own day.
DAY = "{{ data_interval_end | default(dag_run.run_after, true) | ds }}"
MALIGNANT = [
    17.99, 10.38, 122.8, 1001.0, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871, 1.095, 0.9053, 8.589, 153.4, 0.006399,
    0.04904, 0.05373, 0.01587, 0.03003, 0.006193, 25.38, 17.33, 184.6, 2019.0, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601,
    0.1189,
]  # fmt: skip

with DAG(
    "retrain_daily",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # begins when a person says so, with a run for the last midnight
    max_active_runs=1,  # each run is compared with what the run before has deployed
    tags=["pai"],
    doc_md=__doc__,
):
    data = prepare_data(DAY)
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
        environments={"PYTHONUNBUFFERED": "1"},
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
        execution_timeout=timedelta(hours=1),
    )
    gate = PAIModelGateOperator(
        task_id="gate",
        metrics={"accuracy": evaluate(train.output["model_uri"], data["test"])},
        model_uri=train.output["model_uri"],
        bars={"accuracy": {"min": 0.9}},
        champion_service=SERVICE,
        compare={"accuracy": {"direction": "higher", "min_improvement": 0.0}},
        on_fail="skip",
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
        smoke_test={"method": "POST", "json": {"rows": [MALIGNANT]}, "expect_contains": "benign"},
        on_failure="rollback",
        poll_interval=3,
        execution_timeout=timedelta(hours=1),
    )
    gate >> deploy
