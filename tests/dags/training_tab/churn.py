"""One task whose job does what the run's configuration says: see ``source/train.py``."""

from __future__ import annotations

from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.training import PAITrainingOperator

with DAG("churn", schedule=None):
    PAITrainingOperator(
        task_id="train",
        deferrable=True,
        poll_interval=1,
        reports=True,
        source_dir=str(Path(__file__).parent / "source"),
        command="python train.py",
        image_uri="registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
        instance_type="ecs.c6.large",
        environments={"TASK": "{{ dag_run.conf | tojson }}"},
        metric_definitions=[{"name": "learning_rate", "regex": "lr=([0-9.e-]+)"}],
        max_run_time=1800,
    )
