"""What Airflow says of the task that a trigger waits for."""

from __future__ import annotations

import asyncio
from typing import Any

DEFERRED = "deferred"


async def task_state(ti: Any) -> str | None:
    """Return the state of a trigger's task instance as it is now; None when it has none, as after a clear.

    Args:
        ti: the task instance Airflow gave to the trigger.
    """
    # Airflow 3 only: 2.11 never asks a trigger to end a job.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = await asyncio.to_thread(
        RuntimeTaskInstance.get_task_states,
        dag_id=ti.dag_id,
        task_ids=[ti.task_id],
        run_ids=[ti.run_id],
        map_index=ti.map_index,
    )
    return state_of(states, ti.run_id, ti.task_id, ti.map_index)


def state_of(states: dict[str, Any], run_id: str, task_id: str, map_index: int) -> str | None:
    """Find a task instance in Airflow's answer, where a mapped one is called ``<task_id>_<map_index>``."""
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    state = states.get(run_id, {}).get(name)
    return None if state is None else str(state)
