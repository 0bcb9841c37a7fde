"""What the triggerer does with a deferred task."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred


def run_trigger(deferred: TaskDeferred) -> dict[str, Any]:
    """What the triggerer does: make the trigger again from its row, run it, hand on its event as JSON."""
    _, arguments = deferred.trigger.serialize()
    trigger = type(deferred.trigger)(**json.loads(json.dumps(arguments)))

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    event: dict[str, Any] = json.loads(json.dumps(payload))
    return event
