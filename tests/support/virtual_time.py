"""An event loop on virtual time: when nothing is left to do but wait, the wait is over at once."""

from __future__ import annotations

import asyncio
import random
import selectors
from asyncio import Future
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_MOMENT = 1e-6


class _Clock(selectors.SelectSelector):
    """Waits by putting the clock forward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        # Each turn takes a moment, as in truth: a wait that is over but for a rounding error must come to its end.
        self.now += max(_MOMENT, timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everything waits; threads and sockets are not served.

    Attributes:
        clock: its clock, in seconds.
    """

    def __init__(self) -> None:
        self.clock = _Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


class Inline:
    """Runs what a poller leaves to threads, in the event loop itself.

    Args:
        latency: seconds of virtual time until a call is answered.
        log_latency: seconds that a read of a log takes. Default: the same.
        is_stale: whether an answer tells what was when the call was made, and not what is when it comes; every third
            one is then five times as late.
        is_uneven: whether an answer tells what is at some moment between the call and its answer, up to twice the
            latency later: of two calls at the same time either may be the first to be answered.
    """

    def __init__(
        self,
        latency: float = 0.05,
        log_latency: float | None = None,
        *,
        is_stale: bool = False,
        is_uneven: bool = False,
    ) -> None:
        self._latency = latency
        self._log_latency = latency if log_latency is None else log_latency
        self._is_stale = is_stale
        self._rng = random.Random(3) if is_uneven else None
        self._calls = 0
        self.closed = False

    def poll(self, function: Callable[[], T]) -> Future[T]:
        return asyncio.ensure_future(self._run(function, self._latency))

    def read_log(self, function: Callable[[], T]) -> Future[T]:
        return asyncio.ensure_future(self._run(function, self._log_latency))

    def close(self) -> None:
        self.closed = True

    async def _run(self, function: Callable[[], T], latency: float) -> T:
        self._calls += 1
        if self._rng:
            return await self._run_at(function, self._rng.uniform(0, 2 * latency), 2 * latency)
        early = [function()] if self._is_stale else []
        latency *= 5 if self._is_stale and self._calls % 3 == 0 else 1
        # Timers of the very same time have no order; calls that begin one after the other end so.
        await asyncio.sleep(latency + self._calls * _MOMENT)
        return early[0] if early else function()

    async def _run_at(self, function: Callable[[], T], moment: float, latency: float) -> T:
        await asyncio.sleep(moment + self._calls * _MOMENT)
        value = function()
        await asyncio.sleep(latency - moment)
        return value


def run(work: Coroutine[Any, Any, T], limit: float = 600.0) -> T:
    """Run on virtual time; no task may be left over.

    Args:
        work: what is run.
        limit: seconds of virtual time that it may take.
    """

    async def with_limit() -> T:
        value = await asyncio.wait_for(work, limit)
        # A task that was cancelled needs a moment to end.
        await asyncio.sleep(1)
        assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        return value

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(with_limit())
