"""Lets crowds in one by one: hundreds of triggers that start at once must not hold up their event loop."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def take_turn() -> None:
    """Wait until it is the caller's turn; the next one comes after all else that is ready on this event loop."""
    async with _turnstiles.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        await asyncio.sleep(0)
