"""Many jobs at once: pages of one filtered list, as many as it takes."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import LARGEST_PAGE_SIZE, ListedJob, ListedPage, list_training_jobs, unread
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import APIError, ThrottledError

log = logging.getLogger(__name__)

_AHEAD = 4
"""Pages that are asked for at the same time."""
_SMALLEST_PAGE = 10
_MOST_WAITS = 4
"""Waits for one throttled page, each twice as long as the one before if the service does not say how long."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0

PageHandler = Callable[[Sequence[ListedJob], int], Awaitable[int]]
"""Is given the jobs of a page and the number of pages, and returns how many jobs are still looked for."""


@dataclass(frozen=True)
class ListFilter:
    """Which jobs are listed.

    Attributes:
        start: those created since then.
        end: those created until then; None for now.
        labels: those with all of these.
    """

    start: datetime
    end: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


class JobLister:
    """Reads a list, newest job first. It learns what the service takes.

    A job may be missing: the list may lag, and jobs move on it while its pages are read.

    Args:
        workspace_id: the workspace.
        send: sends a call from a thread.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        workspace_id: str,
        send: Callable[[Call[ListedPage]], Future[ListedPage]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._workspace_id = workspace_id
        self._send = send
        self._sleep = sleep
        self._at_once = _AHEAD
        self._size = LARGEST_PAGE_SIZE
        self._filtered = True
        self._bounded = True
        self._refused = False

    async def read(
        self, window: ListFilter, wanted: int, met: PageHandler, pause: float = 0.0, pages_a_job: int = 1
    ) -> None:
        """Read pages until no job is missing, or until it is cheaper to ask for each that is.

        Args:
            window: which jobs are listed.
            wanted: how many jobs are looked for.
            met: is given each page, in order.
            pause: seconds before each page but the first, for a list that is in no hurry: its pages are then asked for
                one after the other.
            pages_a_job: pages that are cheaper than to ask for one job.

        Raises:
            PAIError: a page could not be read.
        """
        missing = await self._read(window, wanted, met, pause, pages_a_job)
        if missing == wanted and window.labels:
            # Each of them has these labels: a filter that finds none of them doesn't work.
            self._filtered = False

    async def changed_page(self, window: ListFilter, number: int) -> ListedPage:
        """Return a page of the same jobs, the last modified first.

        Args:
            window: which jobs are listed.
            number: number of the page, from 1.

        Raises:
            PAIError: it could not be read; an :class:`APIError` that is none of its subclasses may mean the sorting.
        """
        if number > 1:
            return await self._page(window, number, by_change=True)
        try:
            return await self._sized(window, by_change=True)
        except APIError as error:
            if not _is_refusal(error) or not (self._filtered or self._bounded):
                raise
            return await self._plain(window, error, by_change=True)

    async def _read(self, window: ListFilter, missing: int, met: PageHandler, pause: float, pages_a_job: int) -> int:
        first = await self._first(window)
        # A service may give fewer than it was asked for; then its own number counts.
        last = -(-first.total // len(first.jobs)) if first.jobs else 1
        missing = await met(first.jobs, last)
        ahead: deque[tuple[int, Future[ListedPage]]] = deque()
        number = 1
        self._at_once = min(_AHEAD, self._at_once + 1)
        try:
            while True:
                while len(ahead) < (1 if pause else self._at_once) and missing * pages_a_job > last - number > 0:
                    if pause:
                        await self._sleep(pause)
                    number += 1
                    ahead.append((number, self._page(window, number)))
                if not ahead:
                    return missing
                page = await self._later(window, *ahead.popleft())
                missing = await met(page.jobs, last)
        finally:
            for _, each in ahead:
                # One that has failed already must not be called forgotten.
                _ = each.cancel() or each.exception()

    async def _later(self, window: ListFilter, number: int, asked: Future[ListedPage]) -> ListedPage:
        """Return a page after the first; a service that wants fewer calls is given time, and fewer at once."""
        waits = 0
        while True:
            try:
                return await asked
            except ThrottledError as error:
                if waits == _MOST_WAITS:
                    raise
                self._at_once = 1
                await self._sleep(min(error.retry_after or _FIRST_WAIT * 2**waits, _LONGEST_WAIT))
            waits += 1
            asked = self._page(window, number)

    async def _first(self, window: ListFilter) -> ListedPage:
        """Read the first page, in a way that the service takes: smaller, or without any filter but the start."""
        try:
            page = await self._sized(window)
        except APIError as error:
            if not _is_refusal(error) or self._refused:
                raise
            page = await self._plain(window, error)
        self._refused = False
        return page

    async def _plain(self, window: ListFilter, refusal: APIError, *, by_change: bool = False) -> ListedPage:
        filtered, bounded = self._filtered, self._bounded
        self._filtered = self._bounded = False
        try:
            page = await self._sized(window, by_change=by_change)
        except APIError as error:
            self._filtered, self._bounded = filtered, bounded
            if by_change:
                raise
            self._refused = _is_refusal(error)
            if self._refused:
                log.warning("PAI refuses to list jobs (%s): each is asked for", error)
            raise
        log.warning("PAI refuses to list jobs by label and time (%s): more than those waited for are listed", refusal)
        return page

    async def _sized(self, window: ListFilter, *, by_change: bool = False) -> ListedPage:
        """Read the first page; of a size that the service takes, if it refuses the usual one."""
        asked = self._size
        while True:
            try:
                return await self._page(window, 1, by_change=by_change)
            except APIError as error:
                if not _is_refusal(error) or self._refused or self._size <= _SMALLEST_PAGE:
                    # Then it isn't the size that it refuses, or not for good.
                    self._size = asked
                    raise
                self._size = max(_SMALLEST_PAGE, self._size // 2)

    def _page(self, window: ListFilter, number: int, *, by_change: bool = False) -> Future[ListedPage]:
        call = list_training_jobs(
            self._workspace_id,
            start_time=window.start,
            end_time=window.end if self._bounded else None,
            labels=window.labels if self._filtered else None,
            page=number,
            page_size=self._size,
            sort_by="GmtModifiedTime" if by_change else "GmtCreateTime",
        )
        return self._send(unread(call))


def _is_refusal(error: APIError) -> bool:
    """Whether the service won't do just this, neither now nor later."""
    return type(error) is APIError and not may_repeat(idempotent=True, error=error)
