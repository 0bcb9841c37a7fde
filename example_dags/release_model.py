"""Train, judge, register, wait for a person's approval, deploy the approved version.

``register`` makes the model a version in PAI's model registry and waits, deferred, until a person has approved or
rejected it: in PAI's console, or with ``PAIModelRegistryHook().approve(...)``. ``deploy`` takes the newest approved
version, so that an older one that is approved late does not take its place; how it is served was registered with it.
The task ``evaluate`` needs scikit-learn on the worker.
"""

from airflow.providers.common.compat.sdk import DAG
from breast_cancer.steps import HERE, evaluate, prepare_data

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

MODEL = "breast_cancer"

with DAG("release_model", schedule=None, tags=["pai"], doc_md=__doc__):
    data = prepare_data()
    train = PAITrainingOperator(
        task_id="train",
        deferrable=True,
        source_dir=str(HERE / "source"),
        reports=True,  # the script reports its progress and a result
        command="python train.py $PAI_USER_ARGS",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        hyperparameters={"learning-rate": 0.1, "max-depth": 3, "n-estimators": 60, "random-state": 7},
        inputs={"train": data["train"], "validation": data["validation"]},
        base_job_name="breast_cancer",
        max_run_time=1800,
        poll_interval=3,
    )
    accuracy = evaluate(train.output["model_uri"], data["test"])
    gate = PAIModelGateOperator(
        task_id="gate",
        metrics={"accuracy": accuracy},
        model_uri=train.output["model_uri"],
        bars={"accuracy": 0.9},
        champion_model=MODEL,
        compare={"accuracy": {"min_improvement": -0.02}},
    )
    register = PAIRegisterModelOperator(
        task_id="register",
        deferrable=True,
        model_name=MODEL,
        model_uri=train.output["model_uri"],
        job_id=train.output["job_id"],
        metrics={"accuracy": accuracy},
        inference_spec={
            "image_uri": "{{ ti.xcom_pull(task_ids='train')['image_uri'] }}",
            "source_dir": str(HERE / "serve"),
            "command": "python serve.py",
            "instance_type": "ecs.c6.large",
        },
        wait_for_approval=True,
        poll_interval=3,
    )
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name="breast_cancer_release",
        model=MODEL,
        smoke_test={"expect_json": {"features": 30}},
        poll_interval=3,
    )
    gate >> register >> deploy
