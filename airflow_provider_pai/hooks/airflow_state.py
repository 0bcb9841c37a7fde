"""How this Airflow's task instances are doing."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

GONE = "gone"
"""Stands for the state of a task instance that does not exist: its run was deleted."""
UNKNOWN = "unknown"
"""Stands for a state that Airflow does not tell, such as that of one of a loop's passes which has not ended. An answer
that lacks a task instance of an existing run tells nothing either."""
_NO_REGION = "00000000-0000-0000-0000-000000000000"


def region_of(ti: Any) -> tuple[str, int]:
    """Return the loop (Airflow 3.4) that a task instance is in, and the pass; an empty text and -1 outside of loops.

    Passes of a loop share dag, run, task and map index; only these two tell them apart. Outside of loops Airflow
    fills in a region of zeros (read in 3.4.0b2).

    Args:
        ti: a task instance.
    """
    region_id = str(getattr(ti, "region_id", None) or "")
    if region_id in ("", _NO_REGION):
        return "", -1
    index = getattr(ti, "region_index", None)
    return region_id, -1 if index is None else int(index)


def task_state(
    dag_id: str, run_id: str, task_id: str, map_index: int, region_id: str = "", region_index: int = -1
) -> str | None:
    """Return the state of a task instance; None when it has none yet, as after a clear; :data:`GONE` without one.

    Works where a task or a trigger runs: on Airflow 3 it asks the execution API, on 2.11 the database.

    Args:
        dag_id: the DAG.
        run_id: the run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
        region_id: the loop that the task is in; empty for none.
        region_index: the pass of the loop.
    """
    state = (_state_from_api if AIRFLOW_V_3_0_PLUS else _state_from_database)(dag_id, run_id, task_id, map_index)
    if region_id and state != GONE:
        # That was the state of the latest pass.
        return _state_of_pass(dag_id, run_id, task_id, region_id, region_index)
    return None if state is None else str(state)


def _state_of_pass(dag_id: str, run_id: str, task_id: str, region_id: str, region_index: int) -> str:
    """Return the state of a pass that has ended; Airflow 3.4 tells no other [read in 3.4.0b2]."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    for crumb in RuntimeTaskInstance.get_task_breadcrumbs(dag_id=dag_id, run_id=run_id):
        place = (crumb.get("task_id"), str(crumb.get("region_id")), crumb.get("region_index"))
        if place == (task_id, region_id, region_index):
            return str(crumb.get("state"))
    return UNKNOWN


def _state_from_api(dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return state_from_api(RuntimeTaskInstance, dag_id, run_id, task_id, map_index)


def state_from_api(airflow: Any, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return the state of a task instance as the execution API tells it, outside of loops.

    Args:
        airflow: Airflow's ``RuntimeTaskInstance``, the static methods of which ask.
        dag_id: the DAG.
        run_id: the run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
    """
    states = airflow.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index)
    # A mapped one is called so in the answer.
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    tasks = states.get(run_id, {})
    if name in tasks:
        return None if tasks[name] is None else str(tasks[name])
    return UNKNOWN if airflow.get_dr_count(dag_id=dag_id, run_ids=[run_id]) else GONE


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
