"""Submit a job in one task, do something else meanwhile, and wait for the job in another task.

``PAITrainingSensor`` waits as well for a job that was started in PAI's console: give its id. The sensor's result and
its errors are those of ``PAITrainingOperator``; it never stops a job, since the job is not its own.
"""

from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.sensors.training import PAITrainingSensor

HERE = Path(__file__).parent / "breast_cancer"


@task
def upload_table() -> str:
    """Put the table into OSS; returns its address."""
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    oss = PAIOSSHook()
    table = HERE / "data" / "wisconsin_breast_cancer.csv"
    return oss.upload(table, oss.default_folder("examples", "wait_elsewhere"))


@task
def announce(job_id: str) -> str:
    """Stand for what is done while the job runs."""
    return f"job {job_id} is on its way"


with DAG("wait_elsewhere", schedule=None, tags=["pai"], doc_md=__doc__):
    submit = PAITrainingOperator(
        task_id="submit",
        image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
        instance_type="ecs.c6.large",
        source_dir=str(HERE / "centroids"),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters={"validation-share": 0.3},
        inputs={"train": upload_table()},
        base_job_name="centroids",
        max_run_time=1800,
        wait_for_completion=False,
    )
    trained = PAITrainingSensor(
        task_id="trained",
        job_id=submit.output["job_id"],
        deferrable=True,
        poke_interval=3,
        timeout=1800,
        log_level="INFO",
        # What the command returns when there is nothing new to train on.
        skip_on_exit_code=99,
    )
    announce(submit.output["job_id"])
