"""What waits to be passed on to one subscriber: a queue that costs next to nothing while it is empty."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue for one reader. ``asyncio.Queue`` takes 3 KB, of each of very many jobs."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._reader: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item, and wake the reader."""
        self._items.append(item)
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    def take_all(self) -> list[T]:
        """Return all items that wait, the oldest first."""
        items, self._items = self._items, []
        return items

    async def get(self) -> T:
        """Wait for the next item and return it."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)
