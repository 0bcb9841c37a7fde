"""What this Airflow says of itself: its name, and how its task instances are doing."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

GONE = "gone"
"""Stands for the state of a task instance that does not exist: its run was deleted, or the task left its DAG."""


def deployment_name() -> str:
    """Return what tells this Airflow from others that use the same PAI workspace.

    The option ``[pai] deployment_name``, else the base URL of its web pages.
    """
    pages = conf.get("api" if AIRFLOW_V_3_0_PLUS else "webserver", "base_url", fallback="")
    return str(conf.get("pai", "deployment_name", fallback="") or pages or "airflow")


def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return the state of a task instance; None when it has none yet, as after a clear; :data:`GONE` without one.

    Works where a task or a trigger runs: on Airflow 3 it asks the execution API, on 2.11 the database.
    """
    state = (_state_from_api if AIRFLOW_V_3_0_PLUS else _state_from_database)(dag_id, run_id, task_id, map_index)
    return None if state is None else str(state)


def _state_from_api(dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index
    )
    # A mapped one is called so in the answer.
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    return states.get(run_id, {}).get(name, GONE)


def _state_from_database(dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        row = (
            session.query(TaskInstance.state)
            .filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index)
            .one_or_none()
        )
        return GONE if row is None else row[0]
