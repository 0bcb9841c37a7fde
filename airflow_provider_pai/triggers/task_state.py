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
    from airflow_provider_pai.hooks.airflow_state import task_state

    return await asyncio.to_thread(task_state, ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
