"""Waiting for an event, for a limited time."""

from __future__ import annotations

import asyncio


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for an event; return whether it came in time.

    Not ``asyncio.wait_for``: before Python 3.12 it loses a cancellation that meets the event, and the task that was to
    end waits on (python/cpython issue 86296).

    Args:
        event: what is waited for.
        seconds: how long, at most; None for without a limit.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
