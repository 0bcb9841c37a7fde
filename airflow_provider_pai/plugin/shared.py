"""One look at a job for everybody who has its page open: what PAI is asked does not grow with the viewers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from airflow_provider_pai.errors import PAIError

logger = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds for which a look at a job counts, and after which a page asks again."""
_MOST_JOBS = 200
_LONGEST_PAUSE = 60.0
_THREADS = 8
"""Looks at a time: a job that PAI does not answer for must not keep the others waiting."""

Seen = TypeVar("Seen", bound="_Observed")
SeenCo = TypeVar("SeenCo", bound="_Observed", covariant=True)


class _Observed(Protocol):
    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be asked any more."""
        ...


class Observer(Protocol[SeenCo]):
    """What looks at one thing."""

    def observe(self) -> SeenCo:
        """Return it as it is now."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


@dataclass
class _Entry(Generic[Seen]):
    """What is known of one job."""

    observer: Observer[Seen] | None = None
    seen: Seen | None = None
    error: Exception | None = None
    at: float = float("-inf")
    failures: int = 0
    looking: Future[None] | None = None
    asked: float = 0.0


@dataclass(frozen=True)
class Look(Generic[Seen]):
    """What is known of a job when a page asks.

    Attributes:
        seen: how it was at the last look that succeeded; None before the first.
        error: why the last look failed; None when it did not.
        next_s: seconds until another look makes sense; None for never.
        waiting_s: for how many seconds a look has been under way; 0 when none is.
    """

    seen: Seen | None = None
    error: Exception | None = None
    next_s: float | None = INTERVAL
    waiting_s: float = 0.0


@dataclass
class SharedObservations(Generic[Seen]):
    """Looks at jobs while pages ask for them, each at most once in an interval, and never without a page.

    Args:
        interval: seconds for which a look counts.
        clock: seconds that never go backwards.
        most: jobs to keep in memory.
    """

    interval: float = INTERVAL
    clock: Callable[[], float] = time.monotonic
    most: int = _MOST_JOBS
    _entries: OrderedDict[Hashable, _Entry[Seen]] = field(default_factory=OrderedDict)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="pai-training-tab")
    )

    async def look(self, key: Hashable, observer: Callable[[], Observer[Seen]], patience: float) -> Look[Seen]:
        """Return what is known of a job; look at it when that is too old and no other page's request does.

        Runs in the event loop of the API server, and blocks neither it nor a thread of it.

        Args:
            key: the job.
            observer: returns what looks at it; called once, in a thread.
            patience: seconds to wait for a look that is under way, when there was none before.
        """
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if self._is_due(entry):
            entry.asked = self.clock()
            entry.looking = self._threads.submit(self._observe, key, entry, observer)
        if entry.looking is not None:
            # A page that has something to show is not kept waiting for the cloud.
            await asyncio.wait([asyncio.wrap_future(entry.looking)], timeout=patience if entry.seen is None else 1.0)
        self._forget_oldest()
        waiting_s = self.clock() - entry.asked if _is_under_way(entry) else 0.0
        return Look(entry.seen, entry.error, self._next(entry), waiting_s)

    def outdate(self, key: Hashable) -> None:
        """Let the next page that asks cause a look: something was done to the job."""
        if entry := self._entries.get(key):
            entry.at = float("-inf")

    def _is_due(self, entry: _Entry[Seen]) -> bool:
        if _is_under_way(entry):
            return False
        if entry.seen is not None and entry.seen.is_settled:
            return False
        return self.clock() - entry.at >= self._pause(entry)

    def _pause(self, entry: _Entry[Seen]) -> float:
        """Return the seconds from one look to the next; what fails again and again is asked less often."""
        return min(self.interval * 2.0 ** min(entry.failures, 10), max(self.interval, _LONGEST_PAUSE))

    def _observe(self, key: Hashable, entry: _Entry[Seen], observer: Callable[[], Observer[Seen]]) -> None:
        try:
            entry.observer = entry.observer or observer()
            entry.seen = entry.observer.observe()
            entry.error, entry.failures = None, 0
        except Exception as error:
            if not entry.failures:
                logger.warning("A look at %s has failed", key, exc_info=not isinstance(error, PAIError))
            entry.error, entry.failures = error, entry.failures + 1
        if entry.error is not None or (entry.seen is not None and entry.seen.is_settled):
            # The next look, if there is one, reads the connection anew: it may have been mended.
            self._close(entry)
        entry.at = self.clock()

    @staticmethod
    def _close(entry: _Entry[Seen]) -> None:
        if entry.observer is not None:
            entry.observer.close()
            entry.observer = None

    def _next(self, entry: _Entry[Seen]) -> float | None:
        if entry.seen is not None and entry.seen.is_settled:
            return None
        if _is_under_way(entry):
            return 1.0
        return max(0.5, self._pause(entry) - (self.clock() - entry.at))

    def _forget_oldest(self) -> None:
        while len(self._entries) > self.most:
            _, entry = self._entries.popitem(last=False)
            if not _is_under_way(entry):
                self._close(entry)


def _is_under_way(entry: _Entry[Seen]) -> bool:
    return entry.looking is not None and not entry.looking.done()
