"""A mapped task outside of loops, which Airflow 3.4 keeps as it keeps a loop's iterations."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("mapped", schedule=None):
    PAITrainingOperator.partial(
        task_id="train",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=1,
        deferrable=True,
    ).expand(command=["echo first", "echo second"])
