"""A deferred job that no test waits out."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("long_job", schedule=None):
    PAITrainingOperator(
        task_id="train",
        deferrable=True,
        command="echo begun; sleep 600",
        image={"framework_name": "PyTorch"},
        instance_type="ecs.c6.large",
        environments={"MARK": "{{ run_id }}"},
        poll_interval=1,
    )
