"""A slow look at everything, beside the change feed: what the feed has not told, and whether it can be relied on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_pai.api.training import ListedJob
from airflow_provider_pai.client.polling.job_lister import JobLister
from airflow_provider_pai.client.polling.store import SLICE, SubscriptionStore

PAGE_PAUSE = 1.5
"""Seconds between two pages of a sweep: with the feed's look a second it makes less than two calls a second."""
_PAGES_A_JOB = 20
"""Pages that a sweep reads for one job: what no list shows is asked for again and again, beside the feed."""


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Attributes:
        pages: pages that it read.
        changed: times of modification of the changes that were new by it.
        missing: ids of the jobs that no page has shown.
    """

    pages: int
    changed: Sequence[datetime]
    missing: frozenset[str]


class Sweep:
    """Reads the list of all jobs that are waited for, by time of creation, page by page.

    Args:
        jobs: the list of jobs.
        store: is notified of each job.
        clock: the event loop's time.
    """

    def __init__(self, jobs: JobLister, store: SubscriptionStore, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._store = store
        self._clock = clock

    async def run(self, pause: float = PAGE_PAUSE) -> SweepResult:
        """Read all pages.

        Raises:
            PAIError: a page could not be read.
        """
        missing = set(self._store)
        changed: list[datetime] = []
        pages = 0

        async def observe(jobs: Sequence[ListedJob], _: int) -> int:
            nonlocal pages
            pages += 1
            updated = 0
            for job in jobs:
                found = self._observe(job, changed)
                missing.discard(job.job_id)
                updated += found
                if updated >= SLICE:
                    updated = 0
                    await asyncio.sleep(0)
            return len(missing)

        window = await self._store.window(missing)
        await self._jobs.read(window, len(missing), observe, pause, _PAGES_A_JOB)
        return SweepResult(pages, changed, frozenset(each for each in missing if each in self._store))

    def _observe(self, job: ListedJob, changed: list[datetime]) -> int:
        was_listed = any(each.mark is not None for each in self._store.of(job.job_id))
        found = self._store.observe_listed(job, self._clock())
        if found is None:
            self._store.expedite([job.job_id], self._clock())
            return 0
        self._store.rest(job.job_id, self._clock(), 1, 1.0)
        if found and was_listed and (modified := job.modified):
            changed.append(modified)
        return found
