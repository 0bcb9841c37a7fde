"""Many subscriptions of one poller on virtual time, and how to look at them in a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.poller import StatusPoller
from airflow_provider_pai.client.polling.rate_limit import RateLimiter
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import PAIError
from tests.support.many_jobs import BEGIN, ManyJobs
from tests.support.virtual_time import Inline


class ManySubscriptions:
    """Subscriptions of one poller, and what their task logs warn of.

    Args:
        cloud: answers.
        interval: seconds between two looks, at most.
        logs: whether logs are read.
        limiter: says how many calls may be made. Default: the poller's own.
        now: the time at the beginning.
        chance: takes the place of all random numbers.
        latency: seconds until a call is answered.
        log_latency: seconds that a read of a log takes. Default: the same.
        is_stale: whether an answer tells what was when the call was made.
        is_uneven: whether of two calls at the same time either may be the first to be answered.
    """

    def __init__(
        self,
        cloud: ManyJobs,
        interval: float,
        *,
        logs: bool = False,
        limiter: RateLimiter | None = None,
        now: datetime = BEGIN,
        chance: float = 0.0,
        latency: float = 0.05,
        log_latency: float | None = None,
        is_stale: bool = False,
        is_uneven: bool = False,
    ) -> None:
        self.warnings: list[str] = []
        self._clock = asyncio.get_running_loop().time
        self.poller = StatusPoller(
            cast("PAIClient", cloud),
            rng=lambda: chance,
            now=lambda: now + timedelta(seconds=self._clock()),
            limiter=limiter,
            workers=Inline(latency, log_latency, is_stale=is_stale, is_uneven=is_uneven),
        )
        self._interval = interval
        self._logs = logs

    def add(self, job_id: str) -> Subscription:
        reader = LogReader(self.poller.sender, job_id, self._warn) if self._logs else None
        return self.subscribe(job_id, TaskLog(reader, Checkpoint()))

    def subscribe(self, job_id: str, log: TaskLog) -> Subscription:
        subscription = Subscription(job_id, self._interval, OutagePolicy(self._warn, 600.0, self._clock), log)
        self.poller.add(subscription)
        return subscription

    def _warn(self, text: str, *values: object) -> None:
        self.warnings.append(text % values)


@asynccontextmanager
async def subscribed(
    cloud: ManyJobs, interval: float, **options: Any
) -> AsyncIterator[tuple[ManySubscriptions, list[Subscription]]]:
    """Subscribe to all jobs of a cloud."""
    many = ManySubscriptions(cloud, interval, **options)
    try:
        yield many, [many.add(job_id) for job_id in cloud.jobs]
    finally:
        await many.poller.close()


async def wait_until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


async def wait_for_lists(cloud: ManyJobs, count: int) -> None:
    """Wait until so many lists were read to the end, and another one has begun."""
    await wait_until(lambda: len(cloud.pages) > count)


def updates(subscription: Subscription) -> list[JobUpdate | PAIError]:
    return subscription.updates.take_all()


def statuses(subscription: Subscription) -> list[str]:
    return [each.snapshot.status for each in updates(subscription) if isinstance(each, JobUpdate)]
