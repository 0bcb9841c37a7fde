"""A deferred training task with default settings, and a task after it: run by :mod:`benchmarks.next_task`."""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("next_task", schedule=None, params={"seconds": 10}):
    train = PAITrainingOperator(
        task_id="train",
        command="sleep {{ params.seconds }} && date '+ended %s.%N'",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        deferrable=True,
    )

    @task(task_id="next")
    def take_note() -> None:
        """Do nothing: what counts is when it starts."""

    train >> take_note()
