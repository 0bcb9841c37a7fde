"""Reads what has changed: the list of jobs by time of modification, from its top down to what is known.

``SortBy=GmtModifiedTime`` and ``Order=DESC`` are the documented example of ListTrainingJobs. How far the list lags,
whether a label moves a job's time and how it sorts within a second is not public, so nothing of that is assumed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

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


class NotAFeedError(PAIError):
    """The list isn't sorted by modification, whatever was asked for."""


class UnreliableFeedError(PAIError):
    """Changes are missing on the list, again and again."""


@dataclass(frozen=True)
class FeedLook:
    """What a look came to.

    Attributes:
        pages: pages of changes that it read.
        updated: subscriptions that got an update from it.
        changes: jobs on them that have changed, whether they are waited for or not.
    """

    pages: int
    updated: int
    changes: int

    @property
    def wasted(self) -> int:
        """Pages beyond the two of any look that were read in vain: most changes on them were known here."""
        share = max(0.0, 1 - 2 * self.updated / self.changes) if self.changes else 1.0
        return int(max(0, self.pages - 2) * share)


@dataclass
class _Descent:
    """How far down the list a look has come.

    Attributes:
        window: which jobs are listed.
        items: id and time of modification of each job so far.
        pages: pages so far.
        total: jobs on all pages, by the last page's account.
        is_steady: whether no jobs have vanished meanwhile: then others may move to a page that was read already.
        is_end: whether there are no further jobs.
        updated: subscriptions that got an update from it.
    """

    window: ListFilter
    items: list[tuple[str, datetime]] = field(default_factory=list)
    pages: int = 0
    total: int = 0
    is_steady: bool = True
    is_end: bool = False
    updated: int = 0


class ChangeFeed:
    """Looks at the newest changes, as far back as they may be new.

    Changes that turn up late stand further below. What is read in search of them is read beside the looks, since
    where jobs end fast that are very many pages.

    Args:
        jobs: the list of jobs.
        store: is notified of each change.
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
        self._unfinished: _Descent | None = None
        self._strikes = 0
        self._is_set_back = False
        self.is_proven = False
        self.page_size = LARGEST_PAGE_SIZE

    @property
    def is_placed(self) -> bool:
        """Whether there was a look, so that the next one shows what has changed since."""
        return self._position.watermark is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether it is time to read on where the last look stopped, see :meth:`read_on`."""
        return self._unfinished is not None

    def reset(self) -> None:
        """Forget how far the feed was read: it was not followed for a while."""
        position = FeedPosition()
        position.overlap = self._position.overlap
        self._position = position
        self._unfinished = None

    async def look(self, window: ListFilter) -> FeedLook:
        """Read what is new and pass it on; the first look only takes note of where the feed stands.

        Raises:
            NotAFeedError: the list isn't sorted by modification.
            PAIError: a page could not be read.
        """
        descent = _Descent(window)
        await self._descend(descent, deep=False)
        changes = len(self._position.changed(descent.items))
        if descent.is_steady:
            is_first = not self.is_placed
            is_deep = descent.is_end or self._position.is_reached(descent.items[-1][1], deep=True)
            self._position.advance(descent.items, deep=is_deep)
            if is_deep and not is_first:
                self._postpone(descent.pages)
            elif not is_first and self._clock() >= self._deep_from:
                self._unfinished = descent
        return FeedLook(descent.pages, descent.updated, changes)

    async def read_on(self) -> None:
        """Read on where a look stopped, down to where no change is expected any more.

        Raises:
            NotAFeedError: the list isn't sorted by modification.
            PAIError: a page could not be read; after a while it is time for it again.
        """
        descent, self._unfinished = self._unfinished, None
        position = self._position
        if descent is None or position.watermark is None:
            return
        watermark = position.watermark
        # Until it is through, no other look hands on its place.
        self._deep_from = inf
        try:
            await self._descend(descent, deep=True)
        finally:
            self._postpone(descent.pages)
        if descent.is_steady:
            position.deepen(descent.items, watermark)

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

    async def _descend(self, descent: _Descent, *, deep: bool) -> None:
        """Read down to where all is known.

        One page is asked for at a time, since each change moves others down. Were the lower of two pages answered
        first, jobs that move down to it meanwhile would be on neither; the other way about they are on both.
        """
        ahead: asyncio.Task[ListedPage] | None = self._ask(descent)
        asked = self._clock()
        try:
            while ahead:
                page, was_asked = await ahead, asked
                above = len(descent.items)
                self._take(descent, page)
                is_done = descent.is_end or self._position.is_reached(descent.items[-1][1], deep=deep)
                asked, ahead = self._clock(), None if is_done else self._ask(descent)
                descent.updated += await self._observe(page.jobs, above, was_asked if deep else inf)
        finally:
            if ahead:
                # One that has failed already must not be called forgotten.
                _ = ahead.cancel() or ahead.exception()
        if self._is_set_back:
            self._is_set_back = False
            raise UnreliableFeedError("the service's clock was set back, so that new changes stand below old ones")

    def _ask(self, descent: _Descent) -> asyncio.Task[ListedPage]:
        """Ask for the next page."""
        if descent.pages == MOST_PAGES:
            raise NotAFeedError("the list by time of modification has no end")
        return asyncio.create_task(self._jobs.changed_page(descent.window, descent.pages + 1))

    def _take(self, descent: _Descent, page: ListedPage) -> None:
        """Take note of how far down a page comes."""
        if not descent.pages and not page.jobs and self.is_placed:
            # There are jobs, so this says nothing.
            raise ProtocolError("ListTrainingJobs: the list of changes is empty")
        descent.pages += 1
        descent.is_steady = descent.is_steady and page.total >= descent.total
        descent.total = page.total
        if descent.pages == 1 and len(page.jobs) < page.total:
            # A service may give fewer than it was asked for.
            self.page_size = max(1, len(page.jobs))
        descent.items += self._times(page)
        descent.is_end = not page.jobs or len(descent.items) >= page.total > 0

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

    async def _observe(self, jobs: Sequence[ListedJob], above: int, asked: float) -> int:
        """Take note of a page; not of jobs that were seen since it was asked for, which may have changed since."""
        updated, unshown = 0, 0
        for place, job in enumerate(jobs):
            subscriptions = self._store.of(job.job_id)
            if any(each.polled > asked for each in subscriptions):
                continue
            was_listed = any(each.mark is not None for each in subscriptions)
            found = self._store.observe_listed(job, self._clock())
            if found is None:
                self._store.expedite([job.job_id], self._clock())
                continue
            self._store.rest(job.job_id, self._clock(), 1, 1.0)
            updated += found
            unshown += found
            if found and was_listed and (modified := job.modified):
                self._is_set_back |= above + place > _MOST_AHEAD and self._position.is_beyond(modified)
                self._position.record_late(modified)
            if unshown >= SLICE:
                unshown = 0
                await asyncio.sleep(0)
        return updated

    def _postpone(self, pages: int) -> None:
        """Take note that so many pages were read in search of late changes: that has a budget of calls."""
        rate = min(_DEEP_MOST, _DEEP_LEAST + _DEEP_PER_THOUSAND * max(0.0, len(self._store) / 1000 - 1))
        self._deep_from = self._clock() + min((pages - 1) / rate, DEEP_INTERVAL)
