"""The threads that a poller's calls are made in."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")
_STATUS_THREADS, LOG_THREADS = 4, 3
"""Together with the saving of checkpoints no more than the client keeps connections."""


class Workers(Protocol):
    """What runs blocking functions for an event loop."""

    def poll(self, function: Callable[[], T]) -> Future[T]:
        """Run a function that asks for the state of jobs."""
        ...

    def read_log(self, function: Callable[[], T]) -> Future[T]:
        """Run a function that reads a log; such functions never hold up those that ask for states."""
        ...

    def close(self) -> None:
        """Run no further function."""
        ...


class WorkerThreads:
    """Runs functions in threads of its own."""

    def __init__(self) -> None:
        self._statuses = ThreadPoolExecutor(_STATUS_THREADS, thread_name_prefix="pai-statuses")
        self._logs = ThreadPoolExecutor(LOG_THREADS, thread_name_prefix="pai-logs")

    def poll(self, function: Callable[[], T]) -> Future[T]:
        """Run a function that asks for the state of jobs."""
        return asyncio.get_running_loop().run_in_executor(self._statuses, function)

    def read_log(self, function: Callable[[], T]) -> Future[T]:
        """Run a function that reads a log."""
        return asyncio.get_running_loop().run_in_executor(self._logs, function)

    def close(self) -> None:
        """Run no further function; those under way end by themselves."""
        for threads in (self._statuses, self._logs):
            threads.shutdown(wait=False, cancel_futures=True)
