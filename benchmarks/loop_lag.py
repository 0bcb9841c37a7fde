"""How late an event loop is: for how long nothing else on it could run."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from benchmarks.spread import Spread

_STEP = 0.01


class LoopLag:
    """An async context manager that measures, every 10 ms, how much later than asked it is woken."""

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def spread(self) -> Spread:
        """The lags so far, in seconds."""
        return Spread.of(self._samples)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_STEP)
            self._samples.append(max(0.0, time.perf_counter() - begun - _STEP))
