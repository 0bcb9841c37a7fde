"""A few threads that work for one caller, and all stop when one of them fails or the caller is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

from airflow_provider_pai.errors import PAIError

T = TypeVar("T")


class WorkerPool:
    """Use it as a context manager: at its end no thread works any more."""

    def __init__(self, size: int) -> None:
        """Gather the threads.

        Args:
            size: how many work at a time.
        """
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="pai-worker")
        self._over = threading.Event()

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Do a work while the caller does another."""
        return self._pool.submit(work)

    def work(self, works: Iterable[Callable[[], None]]) -> None:
        """Do all works; raise what the first that fails raises, once no other runs any more, and begin none then."""
        failures: list[BaseException] = []

        def do(work: Callable[[], None]) -> None:
            # Here, not where the caller waits: a thread is free for the next work before the caller has woken up.
            if failures:
                return
            try:
                work()
            except BaseException as error:
                failures.append(error)
                self._over.set()
                raise

        futures: list[Future[None]] = []
        try:
            futures.extend(self._pool.submit(do, work) for work in works)
            wait(futures, return_when=FIRST_EXCEPTION)
            if failures:
                raise failures[0]
        except BaseException:
            self._over.set()
            wait([future for future in futures if not future.cancel()])
            raise

    def check(self) -> None:
        """Called by a long work from time to time.

        Raises:
            PAIError: it is to end, for another one failed, nothing needs it any more, or the task ends.
        """
        if self._over.is_set():
            raise PAIError("given up: another part of the work failed, or it is no longer needed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)
