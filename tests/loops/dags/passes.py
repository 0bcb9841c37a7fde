"""Loops of three jobs: the second pass's fails at its first try, or takes long enough for its task to be killed."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_pai.operators.training import PAITrainingOperator

FAILING = "{% if loop.index == 1 and ti.try_number == 1 %}exit 3{% else %}echo pass {{ loop.index }}{% endif %}"
LONG = "{% if loop.index == 1 %}sleep 45{% else %}echo pass {{ loop.index }}{% endif %}"


def note_process(context: Any) -> None:
    """Tell who kills it which process this is."""
    if folder := os.environ.get("PASSES_FOLDER"):
        ti = context["ti"]
        Path(folder, f"{ti.dag_id}-{context['loop'].index}-{ti.try_number}").write_text(str(os.getpid()))


def body(command: str, *, deferrable: bool) -> Any:
    """Return a loop's body."""

    @task_group
    def each() -> None:
        train = PAITrainingOperator(
            task_id="train",
            command=command,
            image_uri="registry/image:1",
            instance_type="ecs.c6.large",
            poll_interval=1,
            retries=2,
            retry_delay=timedelta(seconds=1),
            deferrable=deferrable,
            pre_execute=note_process,
        )

        @task
        def kept(job_id: str, *, loop: Any) -> list[str]:
            return [*(loop.previous or []), job_id]

        kept(train.output["job_id"])

    return each


for kind, command in {"passes": FAILING, "killed": LONG}.items():
    for name, deferrable in {"sync": False, "deferred": True}.items():
        with DAG(f"{kind}_{name}", schedule=None):

            @task
            def job_ids(ti: Any) -> Any:
                # Of a task in a loop there is a value for each pass.
                return list(ti.xcom_pull(task_ids="each.kept"))[-1]

            body(command, deferrable=deferrable).loop(max_iterations=3) >> job_ids()
