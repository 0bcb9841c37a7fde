"""Loops of jobs whose second pass fails at its first try."""

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_pai.operators.training import PAITrainingOperator

COMMAND = "{% if loop.index == 1 and ti.try_number == 1 %}exit 3{% else %}echo pass {{ loop.index }}{% endif %}"


def body(*, deferrable: bool) -> Any:
    """Return a loop's body."""

    @task_group
    def each() -> None:
        train = PAITrainingOperator(
            task_id="train",
            command=COMMAND,
            image_uri="registry/image:1",
            instance_type="ecs.c6.large",
            poll_interval=1,
            retries=2,
            retry_delay=timedelta(seconds=1),
            deferrable=deferrable,
        )

        @task
        def kept(job_id: str, *, loop: Any) -> list[str]:
            return [*(loop.previous or []), job_id]

        kept(train.output["job_id"])

    return each


for name, deferrable in {"sync": False, "deferred": True}.items():
    with DAG(f"passes_{name}", schedule=None):

        @task
        def job_ids(ti: Any) -> Any:
            # Of a task in a loop there is a value for each pass.
            return list(ti.xcom_pull(task_ids="each.kept"))[-1]

        body(deferrable=deferrable).loop(max_iterations=3) >> job_ids()


with DAG("mapped", schedule=None):
    PAITrainingOperator.partial(
        task_id="train",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        poll_interval=1,
        deferrable=True,
    ).expand(command=["echo first", "echo second"])
