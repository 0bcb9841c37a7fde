"""One task each; a run says what its job does and where it runs."""

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_pai.operators.janitor import PAIJanitorOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

PARAMS = {"first": "sleep 600", "later": "true", "connection": "pai_default"}
COMMAND = "{% if ti.try_number == 1 %}{{ params.first }}{% else %}{{ params.later }}{% endif %}"

LIVES: dict[str, dict[str, Any]] = {
    "sync": {},
    "deferred": {"deferrable": True},
    "sync_retried": {"retries": 3},
    "deferred_retried": {"deferrable": True, "retries": 3},
    "sync_timeout": {"execution_timeout": timedelta(seconds=60)},
    "deferred_timeout": {"deferrable": True, "execution_timeout": timedelta(seconds=60)},
    "deferred_patient": {"deferrable": True, "execution_timeout": timedelta(hours=1)},
    "submitted": {"wait_for_completion": False},
    "left": {"deferrable": True, "on_kill": "leave"},
}

COMMON: dict[str, Any] = {
    "task_id": "train",
    "command": COMMAND,
    "image_uri": "registry/image:1",
    "instance_type": "ecs.c6.large",
    "poll_interval": 1,
    "pai_conn_id": "{{ params.connection }}",
    "retry_delay": timedelta(seconds=5),
}
MANY: dict[str, Any] = {"schedule": None, "params": PARAMS, "max_active_runs": 100, "max_active_tasks": 100}

for name, arguments in LIVES.items():
    with DAG(name, **MANY):
        PAITrainingOperator(**COMMON, **arguments)

with DAG("mapped", **MANY):
    PAITrainingOperator.partial(**COMMON, deferrable=True).expand(description=["one", "two"])

with DAG("janitor", **MANY):
    PAIJanitorOperator(task_id="sweep", stop=True, min_age=timedelta(0), pai_conn_id="{{ params.connection }}")
