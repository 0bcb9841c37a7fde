"""Follows the change feed, and sweeps beside it: when, how often, and what to do when the feed is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf

from airflow_provider_pai.client.polling.change_feed import ChangeFeed, FeedLook, NotAFeedError, UnreliableFeedError
from airflow_provider_pai.client.polling.event_wait import wait_at_most
from airflow_provider_pai.client.polling.interval import LOOK_INTERVAL, OUTAGE_INTERVAL, Backoff, feed_interval
from airflow_provider_pai.client.polling.store import SubscriptionStore
from airflow_provider_pai.client.polling.sweep import Sweep
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import APIError, PAIError, ThrottledError

log = logging.getLogger(__name__)

FEED_FROM = 100
"""Jobs up to which one page of a list shows them all: then there is no need to begin with a feed."""
DEAR_LOOK = 3
"""Calls of a look at fewer jobs, which stand far apart among others, from which on the feed is worth its calls."""
RETRY_AFTER = 600.0
"""Seconds until a feed that could not be used is tried again."""
SWEEP_INTERVAL = 60.0
"""Seconds between two sweeps, at least, when the list is known to be sorted by modification."""
SWEEP_CALLS_PER_SECOND = 0.25
"""Calls that sweeps make in the long run."""
ACTIVE_PER_CHANGE = 5.0
"""Seconds for which one change makes looks frequent."""
ACTIVE_MOST = 60.0
_LEAST_PAUSE = 0.2


class FeedReader:
    """Keeps a store up to date by the change feed while very many jobs are waited for.

    Args:
        feed: the feed.
        sweep: reads everything.
        store: who waits for which job.
        backoff: slows down in an outage; the poller's.
        clock: the event loop's time.
        sleep: waits, in seconds.
        wake: called when jobs are to be looked at in a cycle again.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        sweep: Sweep,
        store: SubscriptionStore,
        *,
        backoff: Backoff,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._sweep = sweep
        self._store = store
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._wake = wake
        self._changed = asyncio.Event()
        self._unfinished = asyncio.Event()
        self._off_until = -inf
        self._active_until = -inf
        self._is_off_logged = False
        self._is_dear = False

    def notice(self) -> None:
        """Take note that the number of jobs has changed."""
        self._changed.set()

    def notice_cost(self, calls: int) -> None:
        """Take note of what a look at all jobs costs in quiet."""
        if self._is_dear != (calls >= DEAR_LOOK):
            self._is_dear = not self._is_dear
            self._changed.set()

    @property
    def is_wanted(self) -> bool:
        """Whether there are so many jobs that the feed is worth its calls, and it can be used."""
        # When it is followed already, a look at it costs no more than a look at one job.
        enough = 1 if self._store.feeding or self._is_dear else FEED_FROM
        return len(self._store) > enough and self._clock() >= self._off_until

    async def place(self) -> None:
        """Take note of where the feed stands, before jobs are listed: what changes meanwhile is on it then."""
        if self.is_wanted and not self._feed.is_placed:
            await self._look()

    async def follow(self) -> None:
        """Look at what has changed, for ever."""
        while True:
            if not self.is_wanted:
                self._stop()
                await self._wait_until_wanted()
            elif not self._feed.is_placed:
                # The next cycle does that first.
                await self._sleep(LOOK_INTERVAL)
            else:
                begun = self._clock()
                look = await self._look()
                pause = self._pause(look)
                # A look of many pages takes time: once for what it shows, and once for what changes meanwhile.
                taken = self._clock() - begun
                await self._sleep(max(_LEAST_PAUSE, pause - 2 * taken) if look else pause)

    async def read_on(self) -> None:
        """Read on where looks stopped, for ever and beside them, in search of changes that turn up late."""
        while True:
            await self._unfinished.wait()
            self._unfinished.clear()
            try:
                await self._feed.read_on()
            except PAIError as error:
                if may_repeat(idempotent=True, error=error):
                    # What an outage is, the looks tell.
                    log.debug("The list of changes was not read to where it is known: %s", error)
                else:
                    await self._bear(error)

    async def sweep(self) -> None:
        """Look at everything, slowly and for ever, while the feed is followed."""
        while True:
            pages = 0
            if self._store.feeding:
                try:
                    pages = await self._sweep_once()
                except PAIError as error:
                    log.debug("A sweep was given up: %s", error)
                    await self._sleep(SWEEP_INTERVAL)
            sure = max(SWEEP_INTERVAL, pages / SWEEP_CALLS_PER_SECOND)
            await self._sleep(sure if pages and self._feed.is_proven else LOOK_INTERVAL)

    async def _look(self) -> FeedLook | None:
        try:
            look = await self._feed.look(self._store.feed_window())
        except PAIError as error:
            await self._bear(error)
            return None
        self._backoff.reset()
        self._store.feeding = True
        if self._feed.is_unfinished:
            self._unfinished.set()
        await self._store.record_answer()
        return look

    async def _bear(self, error: PAIError) -> None:
        self._backoff.record_error(error)
        if isinstance(error, ThrottledError):
            return
        if may_repeat(idempotent=True, error=error):
            await self._store.record_outage(error, self._clock())
            return
        is_final = isinstance(error, NotAFeedError) or type(error) is APIError
        self._off_until = inf if is_final else self._clock() + RETRY_AFTER
        self._backoff.reset()
        if not self._is_off_logged:
            self._is_off_logged = True
            log.warning("PAI's list of changes can't be used (%s); all jobs are listed instead", error)

    def _pause(self, look: FeedLook | None) -> float:
        now = self._clock()
        if look and look.updated:
            self._active_until = min(now + ACTIVE_MOST, max(now, self._active_until) + ACTIVE_PER_CHANGE * look.updated)
        is_active = now < self._active_until
        pages = -(-max(1, len(self._store)) // self._feed.page_size)
        interval = feed_interval(self._store.interval, is_active=is_active)
        if look is None:
            return self._backoff.pause(min(self._store.interval, max(interval, OUTAGE_INTERVAL)))
        if not look.wasted:
            return interval
        # Pages that told nothing new cost as much time as pages of a list of all jobs.
        return max(interval, min(self._store.interval, (1 + look.wasted) * self._store.interval / pages))

    async def _sweep_once(self) -> int:
        result = await self._sweep.run()
        if not self._store.feeding:
            return 0
        try:
            self._feed.record_missed(result.changed)
        except UnreliableFeedError as error:
            await self._bear(error)
        if result.missing:
            self._store.expedite(result.missing, self._clock())
            self._wake()
        return result.pages

    def _stop(self) -> None:
        if self._store.feeding:
            self._store.stop_feeding(self._clock(), -(-len(self._store) // FEED_FROM))
            self._wake()
        if self._feed.is_placed:
            self._feed.reset()

    async def _wait_until_wanted(self) -> None:
        self._changed.clear()
        left = self._off_until - self._clock()
        await wait_at_most(self._changed, left if 0 < left < inf else None)
