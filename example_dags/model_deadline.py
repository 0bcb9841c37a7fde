"""Be told when a model gets older than 26 hours; needs Airflow 3.3 or newer, where such alerts are experimental.

Each midnight a new model is trained and registered. A run that has not succeeded two hours later is late: the model of
the night before is 26 hours old then. Airflow's scheduler notices that while the run still waits or trains, or after it
has failed, and has a worker call ``report_late_model``, once for each run. A run that succeeds in time causes nothing.

``execution_timeout`` of the training is the other half: it ends a job that takes too long, where a deadline only tells
of it.
"""

from datetime import timedelta

import pendulum
from airflow import __version__
from airflow.providers.common.compat.sdk import DAG
from breast_cancer.alerts import report_late_model
from breast_cancer.steps import HERE, prepare_data

from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

MODEL = "breast_cancer_nightly"
LATE = timedelta(hours=2)

# Before Airflow 3.1 there are no deadlines, and before 3.3 no callback is looked for beside the DAGs.
if tuple(map(int, __version__.split(".")[:2])) >= (3, 3):
    from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

    with DAG(
        "model_deadline",
        schedule="@daily",
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        is_paused_upon_creation=True,  # begins when a person says so
        max_active_runs=1,
        deadline=DeadlineAlert(
            # Not the logical date, which a run that a person starts may lack: Airflow can't create it then.
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=LATE,
            callback=SyncCallback(report_late_model, kwargs={"model": MODEL}),
        ),
        tags=["pai"],
        doc_md=__doc__,
    ):
        data = prepare_data("{{ dag_run.run_after | ds }}")
        train = PAITrainingOperator(
            task_id="train",
            deferrable=True,
            source_dir=str(HERE / "source"),
            reports=True,
            command="python train.py $PAI_USER_ARGS",
            image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
            instance_type="ecs.c6.large",
            hyperparameters={"learning-rate": 0.1, "max-depth": 3, "n-estimators": 60, "random-state": 7},
            inputs={"train": data["train"], "validation": data["validation"]},
            base_job_name="breast_cancer",
            max_run_time=1800,
            poll_interval=3,
            retries=1,
            retry_delay=timedelta(minutes=5),
            execution_timeout=timedelta(hours=1),
        )
        PAIRegisterModelOperator(
            task_id="register",
            model_name=MODEL,
            model_uri=train.output["model_uri"],
            job_id=train.output["job_id"],
            approval_status="Approved",
        )
