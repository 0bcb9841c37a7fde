"""Look up a connection in an event loop: once for all who ask for it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_pai.client.transport.config import ClientConfig

SHARED_SECONDS = 1.0
"""Seconds for which what was found is given to others, too: triggers come in crowds when a triggerer starts."""
Key = tuple[str | None, ...]

_looking: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, asyncio.Task[ClientConfig]]] = WeakKeyDictionary()


async def shared_config(key: Key, look_up: Callable[[], Coroutine[Any, Any, ClientConfig]]) -> ClientConfig:
    """Return what a look-up finds; one that is under way, or was a moment ago, serves all.

    Args:
        key: what makes look-ups the same.
        look_up: looks the connection up and reads it. What it raises is raised to all who wait, and not kept.
    """
    loop = asyncio.get_running_loop()
    under_way = _looking.setdefault(loop, {})
    task = under_way.get(key)
    if task is None:
        task = under_way[key] = loop.create_task(look_up(), name=f"look-up-{key[0]}")

        def forget(done: asyncio.Task[ClientConfig]) -> None:
            failed = done.cancelled() or done.exception() is not None
            loop.call_later(0.0 if failed else SHARED_SECONDS, under_way.pop, key, None)

        task.add_done_callback(forget)
    # One who no longer waits must not end it for the others.
    return await asyncio.shield(task)
