"""Tasks whose work depends on the worker that runs them."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

# A worker reads this file itself, and has a home of its own.
SOURCE = Path(os.environ["AIRFLOW_HOME"]) / "code"

with DAG("source_of_the_worker", schedule=None):
    PAITrainingOperator(
        task_id="train",
        source_dir=str(SOURCE),
        command="python report.py",
        image_uri="registry/image:1",
        instance_type="ecs.c6.large",
        metric_definitions=[{"name": "worker", "regex": r"worker=(\d)"}],
        poll_interval=1,
    )

with DAG("local_retried", schedule=None):
    PAITrainingOperator(
        task_id="train",
        instance_type="local",
        command="{{ 'sleep 600' if ti.try_number == 1 else 'echo model > $PAI_OUTPUT_MODEL/model.txt' }}",
        retries=1,
        retry_delay=timedelta(seconds=5),
    )
