"""A few threads that do many small works together, and all stop when one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from airflow_provider_pai.errors import PAIError


class Crew:
    """Use it as a context manager: at its end no thread works any more."""

    def __init__(self, size: int) -> None:
        """Gather the threads.

        Args:
            size: how many work at a time.
        """
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="pai-upload")
        self._over = threading.Event()

    def work(self, works: Iterable[Callable[[], None]]) -> None:
        """Do all works; raise what the first that fails raises, and begin no other then."""
        done, _ = wait([self._pool.submit(work) for work in works], return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()

    def check(self) -> None:
        """Called by a long work from time to time.

        Raises:
            PAIError: it is to end, for another one failed or the task ends.
        """
        if self._over.is_set():
            raise PAIError("given up, for another part of the work failed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)
