"""Reads what has changed: the list of jobs by time of modification, from its top down to what is known.

``SortBy=GmtModifiedTime`` and ``Order=DESC`` are the documented example of ListTrainingJobs. How far the list lags,
whether a label moves a job's time and how it sorts within a second is not public, so nothing of that is assumed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_pai.api.training import LARGEST_PAGE_SIZE, ListedJob, ListedPage
from airflow_provider_pai.client.polling.feed_position import FeedPosition, is_by_change, is_in_order
from airflow_provider_pai.client.polling.job_lister import JobLister, ListFilter
from airflow_provider_pai.client.polling.store import SLICE, SubscriptionStore
from airflow_provider_pai.errors import PAIError, ProtocolError

_DEEP_LEAST, _DEEP_PER_THOUSAND, _DEEP_MOST = 0.25, 0.5, 2.0
"""Calls a second that reading down to the floor may make: at least, for each further thousand jobs, and at most."""
DEEP_INTERVAL = 30.0
"""Seconds between two looks down to the floor, at most."""
MOST_PAGES = 600
"""Pages of one look, at most; a list that doesn't end in order is no feed."""
_MOST_STRIKES = 3
_MOST_AHEAD = 50
"""Jobs with a time that can't be true which may stand above all others."""
_AT_ONCE = 4


class NotAFeedError(PAIError):
    """The list isn't sorted by modification, whatever was asked for."""


class UnreliableFeedError(PAIError):
    """Changes are missing on the list, again and again."""


@dataclass(frozen=True)
class FeedLook:
    """What a look came to.

    Attributes:
        pages: pages of changes that it read, but for those that it read on in search of late ones.
        news: subscriptions that have news by it.
        page_size: jobs on a page.
    """

    pages: int
    news: int
    page_size: int

    @property
    def wasted(self) -> int:
        """Pages that were read without need: those of changes that were known."""
        return max(0, self.pages - 2 - self.news // self.page_size)


class ChangeFeed:
    """Looks at the newest changes, as far back as they may be new.

    Args:
        jobs: the list of jobs.
        store: is told of each change.
        clock: the event loop's time.

    Attributes:
        is_proven: whether the list is known to be sorted by modification.
        page_size: jobs on a page, at most.
    """

    def __init__(self, jobs: JobLister, store: SubscriptionStore, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._store = store
        self._clock = clock
        self._position = FeedPosition()
        self._deep_from = 0.0
        self._strikes = 0
        self._is_set_back = False
        self.is_proven = False
        self.page_size = LARGEST_PAGE_SIZE

    @property
    def is_placed(self) -> bool:
        """Whether there was a look, so that the next one shows what has changed since."""
        return self._position.watermark is not None

    def reset(self) -> None:
        """Forget how far the feed was read: it was not followed for a while."""
        position = FeedPosition()
        position.overlap = self._position.overlap
        self._position = position

    async def look(self, window: ListFilter) -> FeedLook:
        """Read what is new and pass it on; the first look only takes note of where the feed stands.

        Raises:
            NotAFeedError: the list isn't sorted by modification.
            PAIError: a page could not be read.
        """
        deep = self._clock() >= self._deep_from
        items: list[tuple[str, datetime]] = []
        number, news, total, new_pages = 0, 0, 0, 0
        is_steady, is_done = True, False
        while not is_done:
            for page in await self._read(window, number + 1, self._pages_at_once(items, deep=deep)):
                number += 1
                new_pages += not (items and self._position.is_reached(items[-1][1], deep=False))
                is_steady = is_steady and page.total >= total
                total = page.total
                if number == 1 and len(page.jobs) < total:
                    # A service may give fewer than it was asked for.
                    self.page_size = max(1, len(page.jobs))
                times = self._times(page)
                news += await self._observe(page.jobs, len(items))
                items += times
                is_end = not page.jobs or len(items) >= total > 0
                is_done = is_end or self._position.is_reached(items[-1][1], deep=deep)
        if self._is_set_back:
            self._is_set_back = False
            raise UnreliableFeedError("the service's clock was set back, so that new changes stand below old ones")
        # While jobs are deleted others may move to a page that was read already: then it is read again.
        if is_steady:
            self._finish(items, deep=deep or is_end, pages=number)
        return FeedLook(new_pages, news, self.page_size)

    def record_missed(self, missed: Sequence[datetime]) -> None:
        """Take note of the changes that a list of everything had and the feed had not.

        Raises:
            UnreliableFeedError: that happens again and again.
        """
        passed = [each for each in missed if self._position.is_passed(each)]
        self._strikes = self._strikes + 1 if passed else 0
        if any(map(self._position.is_beyond, passed)):
            # The service's clock was set back: new changes stand below old ones.
            self._strikes = _MOST_STRIKES
        for each in passed:
            self._position.record_late(each)
        if self._strikes >= _MOST_STRIKES:
            self._strikes = 0
            raise UnreliableFeedError("changes are missing on the list by time of modification")

    async def _read(self, window: ListFilter, number: int, count: int) -> Sequence[ListedPage]:
        if number > MOST_PAGES:
            raise NotAFeedError("the list by time of modification has no end")
        pages = await asyncio.gather(*(self._jobs.changed_page(window, number + each) for each in range(count)))
        if number == 1 and not pages[0].jobs and self.is_placed:
            # There are jobs, so this says nothing.
            raise ProtocolError("ListTrainingJobs: the list of changes is empty")
        return pages

    def _pages_at_once(self, items: Sequence[tuple[str, datetime]], *, deep: bool) -> int:
        """Return how many pages to ask for: as many as are still needed, if changes came evenly."""
        if not items:
            return 1
        left = self._position.seconds_to_go(items[-1][1], deep=deep)
        covered = (items[0][1] - items[-1][1]).total_seconds()
        pages_read = -(-len(items) // self.page_size)
        return max(1, min(_AT_ONCE, int(pages_read * left / covered))) if covered > 0 else 1

    def _times(self, page: ListedPage) -> list[tuple[str, datetime]]:
        """Return id and time of modification of each job.

        Raises:
            NotAFeedError: the page isn't sorted by them.
        """
        times = [(job.job_id, modified) for job in page.jobs if (modified := job.modified)]
        if (page.jobs and not times) or not is_in_order((time for _, time in times), self._position.overlap):
            raise NotAFeedError("the list is not sorted by time of modification, as was asked for")
        if not self.is_proven:
            both = [(job.modified, job.created) for job in page.jobs]
            self.is_proven = is_by_change([(one, two) for one, two in both if one and two])
        return times

    async def _observe(self, jobs: Sequence[ListedJob], above: int) -> int:
        news, unshown = 0, 0
        for place, job in enumerate(jobs):
            was_listed = any(each.mark is not None for each in self._store.of(job.job_id))
            found = self._store.observe_listed(job, self._clock())
            if found is None:
                self._store.expedite([job.job_id], self._clock())
                continue
            self._store.rest(job.job_id, self._clock(), 1, 1.0)
            news += found
            unshown += found
            if found and was_listed and (modified := job.modified):
                self._is_set_back |= above + place > _MOST_AHEAD and self._position.is_beyond(modified)
                self._position.record_late(modified)
            if unshown >= SLICE:
                unshown = 0
                await asyncio.sleep(0)
        return news

    def _finish(self, items: Sequence[tuple[str, datetime]], *, deep: bool, pages: int) -> None:
        first = not self.is_placed
        self._position.advance(items, deep=deep)
        if deep and not first:
            rate = min(_DEEP_MOST, _DEEP_LEAST + _DEEP_PER_THOUSAND * max(0.0, len(self._store) / 1000 - 1))
            self._deep_from = self._clock() + min((pages - 1) / rate, DEEP_INTERVAL)
