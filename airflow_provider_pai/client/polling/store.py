"""The subscriptions of a poller by job: which are due, and what a look at a job means for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from math import inf

from airflow_provider_pai.api.training import ListedJob
from airflow_provider_pai.client.polling.job_lister import ListFilter
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.model.training.ownership import DEPLOYMENT_LABEL, LOOK_BACK
from airflow_provider_pai.model.training.response import Mark
from airflow_provider_pai.model.training.status import JobSnapshot

SLICE = 4
"""Subscriptions that are notified before others on this event loop have their turn: each writes lines into a log."""
_WINDOW_SLICE = 2000
"""The same of subscriptions that are only asked for a time: about a millisecond's worth."""
_LIST_MARGIN = timedelta(minutes=5)
_OLDEST = timedelta(days=3650)
"""No job that is waited for was created so long ago."""


class SubscriptionStore:
    """Knows who waits for which job, and decides when each is polled next.

    Args:
        now: the time, in UTC.
        changed: called with each subscription when its job is new or has changed.

    Attributes:
        interval: the shortest interval that was promised to a subscription.
        feeding: whether the change feed reports on jobs that were seen, so that they need no look of their own.
    """

    def __init__(
        self, now: Callable[[], datetime] = utc_now, changed: Callable[[Subscription], None] = lambda _: None
    ) -> None:
        self._now = now
        self._changed = changed
        self._all: set[Subscription] = set()
        self._by_job: dict[str, list[Subscription]] = {}
        self._scheduled: set[Subscription] = set()
        self._in_outage = False
        self._oldest: datetime | None = None
        self._deployments: set[str | None] = set()
        self.interval = inf
        self.feeding = False

    def __len__(self) -> int:
        """Return how many jobs are waited for."""
        return len(self._by_job)

    def __contains__(self, job_id: object) -> bool:
        """Return whether a job is waited for."""
        return job_id in self._by_job

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the jobs that are waited for."""
        return iter(self._by_job)

    @property
    def is_empty(self) -> bool:
        """Whether there is no subscription, ended ones included."""
        return not self._all

    # Who waits.

    def add(self, subscription: Subscription) -> None:
        """Begin to poll for a subscription."""
        self.interval = min(self.interval, subscription.interval) if self._all else subscription.interval
        self._all.add(subscription)
        self._scheduled.add(subscription)
        self._by_job.setdefault(subscription.job_id, []).append(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._all.discard(subscription)
        subscription.cancel()
        self._forget(subscription)

    def of(self, job_id: str) -> Sequence[Subscription]:
        """Return who waits for a job."""
        return self._by_job.get(job_id, ())

    def queued(self) -> dict[str, list[Subscription]]:
        """Return the subscriptions to jobs that may wait in the queue of a quota, by the quota's id."""
        found: dict[str, list[Subscription]] = {}
        for each in self._all:
            if each.is_queued and each.job:
                found.setdefault(each.job.resource_id, []).append(each)
        return found

    def fail_all(self, error: PAIError) -> None:
        """Tell every subscription that there are no further looks."""
        # Those too that need no look, but still have to publish their end, since their log was being read.
        for each in self._all:
            self._forget(each)
            if not each.has_published_end:
                each.fail(error)

    # When each is polled.

    def due(self, now: float) -> list[Subscription]:
        """Return the subscriptions that a cycle may include now."""
        return [each for each in self._scheduled if each.early <= now]

    def next_due(self) -> float:
        """Return when the next cycle must be."""
        return min((each.due for each in self._scheduled), default=inf)

    def next_urgent(self) -> float:
        """Return when the next look is due that can't wait for others."""
        return min((each.due for each in self._scheduled if not each.is_patient), default=inf)

    def shortest_interval(self) -> float:
        """Return the shortest interval of those that are polled in cycles; 0 when there are none."""
        return min((each.interval for each in self._scheduled), default=0.0)

    def polled(self, job_id: str) -> float:
        """Return when a job was last asked for."""
        return min(each.polled for each in self.of(job_id))

    def rest(self, job_id: str, now: float, calls: float, evenness: float) -> None:
        """Let a job that was seen rest: until its next look, or until the change feed shows a change of it."""
        for each in self.of(job_id):
            # A job that no list has shown can't be expected on the feed, which is a list, too.
            if self.feeding and each.mark is not None:
                each.park()
                self._scheduled.discard(each)
            else:
                each.schedule(now, calls, evenness)
                self._scheduled.add(each)

    def schedule(self, job_id: str, now: float, calls: float, evenness: float) -> None:
        """Ask for the next look at a job that could not be seen."""
        for each in self.of(job_id):
            each.schedule(now, calls, evenness)
            self._scheduled.add(each)

    def expedite(self, job_ids: Iterable[str], now: float) -> None:
        """Ask for a look, with the next cycle, at jobs that a list should have shown and did not."""
        for each in chain.from_iterable(map(self.of, job_ids)):
            each.expedite(now)
            self._scheduled.add(each)

    def stop_feeding(self, now: float, calls: float) -> None:
        """Return to cycles, since the change feed reports no more."""
        self.feeding = False
        for job_id in self._by_job:
            self.schedule(job_id, now, calls, 1.0)

    # What was seen.

    def observe_listed(self, listed: ListedJob, now: float) -> int | None:
        """Take note of a job on a list; return how many subscriptions it updated, None when it can't be read."""
        subscriptions = self.of(listed.job_id)
        if not subscriptions:
            return 0
        # A job of an age that can't be true is on no list with a beginning: it is asked for.
        mark = listed.mark if self._is_likely(listed.created) else None
        if mark and all(each.mark == mark for each in subscriptions):
            for each in subscriptions:
                each.observe_unchanged(now)
            return 0
        try:
            return self.observe(listed.read(), now, mark)
        except ProtocolError:
            # It is asked for like one that is missing, which tells more.
            return None

    def observe(self, job: JobSnapshot, now: float, mark: Mark | None = None) -> int:
        """Publish what is new of a job; return how many subscriptions it updated."""
        updated = 0
        for each in tuple(self.of(job.job_id)):
            try:
                new = not each.ended and each.observe(job, now, mark)
                if new:
                    self._widen(each)
                    each.publish()
                    self._changed(each)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
                new = True
                each.fail_internally(error)
            updated += new
            if each.ended:
                self._forget(each)
        return updated

    async def record_errors(self, job_ids: Collection[str], error: PAIError, now: float, *, asked: bool) -> None:
        """Let subscriptions bear an error, or pass it on.

        Args:
            job_ids: the jobs that could not be seen.
            error: why.
            now: the time.
            asked: whether each of them had its turn; else they come first in the next cycle.
        """
        for number, job_id in enumerate(tuple(job_ids), 1):
            for each in tuple(self.of(job_id)):
                if asked:
                    each.record_attempt(now)
                each.record_error(error)
                if each.ended:
                    self._forget(each)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    async def record_outage(self, error: PAIError, now: float) -> None:
        """Let all that the change feed should report on bear an error of the feed, or pass it on."""
        self._in_outage = True
        await self.record_errors([job_id for job_id in self if self._is_parked(job_id)], error, now, asked=True)

    async def record_answer(self) -> None:
        """Take note that the change feed answers again; costs nothing when it did before."""
        if not self._in_outage:
            return
        self._in_outage = False
        for number, job_id in enumerate(tuple(self._by_job), 1):
            if self._is_parked(job_id):
                for each in self.of(job_id):
                    each.outage.record_answer()
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _is_parked(self, job_id: str) -> bool:
        return not any(each in self._scheduled for each in self.of(job_id))

    # What is listed.

    async def window(self, job_ids: Iterable[str]) -> ListFilter:
        """Return the narrowest window that holds all jobs; one that was not seen yet may be anywhere in it."""
        now = self._now()
        oldest = newest = None
        is_open = False
        deployments = set()
        for number, job_id in enumerate(tuple(job_ids), 1):
            for each in self.of(job_id):
                if each.job:
                    deployments.add(each.job.labels.get(DEPLOYMENT_LABEL))
                is_open |= each.created is None
                # A time that can't be true must not widen the list; such a job is asked for if the list lacks it.
                if each.created and each.created > now - _OLDEST:
                    oldest = min(oldest or each.created, each.created)
                    newest = max(newest or each.created, each.created)
            if number % _WINDOW_SLICE == 0:
                await asyncio.sleep(0)
        labels = _labels(deployments)
        if is_open or oldest is None or newest is None:
            return ListFilter(now - LOOK_BACK, None, labels)
        # "Until now" goes without saying, and our clock may be wrong.
        end = newest + _LIST_MARGIN if newest < now - _LIST_MARGIN else None
        return ListFilter(oldest - _LIST_MARGIN, end, labels)

    def feed_window(self) -> ListFilter:
        """Return a window that holds all jobs that were seen so far, without looking at each."""
        start = self._oldest - _LIST_MARGIN if self._oldest else self._now() - LOOK_BACK
        return ListFilter(start, None, _labels(self._deployments))

    def _widen(self, subscription: Subscription) -> None:
        created = subscription.created
        if created and self._is_likely(created):
            self._oldest = created if self._oldest is None else min(self._oldest, created)
        if subscription.job:
            self._deployments.add(subscription.job.labels.get(DEPLOYMENT_LABEL))

    def _is_likely(self, created: datetime | None) -> bool:
        return created is not None and created > self._now() - _OLDEST

    def _forget(self, subscription: Subscription) -> None:
        """Poll no more for a subscription."""
        self._scheduled.discard(subscription)
        waiting = self._by_job.get(subscription.job_id, [])
        if subscription in waiting:
            waiting.remove(subscription)
        if not waiting:
            self._by_job.pop(subscription.job_id, None)


def _labels(deployments: Collection[str | None]) -> Mapping[str, str]:
    (name,) = deployments if len(deployments) == 1 else (None,)
    return {DEPLOYMENT_LABEL: name} if name else {}
