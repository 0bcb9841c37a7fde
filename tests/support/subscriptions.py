"""Many watches of one poller, and how to run and look at them in a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
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


class ManySubscriptions:
    """Watches of one poller, and what their task logs warn of."""

    def __init__(
        self,
        cloud: ManyJobs,
        interval: float,
        *,
        logs: bool = False,
        limiter: RateLimiter | None = None,
        now: datetime = BEGIN,
        chance: float = 0.0,
    ) -> None:
        self.warnings: list[str] = []
        client = cast("PAIClient", cloud)
        self.poller = StatusPoller(client, chance=lambda: chance, now=lambda: now, limiter=limiter)
        self._interval = interval
        self._logs = logs

    def add(self, job_id: str) -> Subscription:
        reader = LogReader(self.poller.sender, job_id, self._warn) if self._logs else None
        return self.watch(job_id, TaskLog(reader, Checkpoint()))

    def watch(self, job_id: str, log: TaskLog) -> Subscription:
        watched = Subscription(job_id, self._interval, OutagePolicy(self._warn, 600.0), log)
        self.poller.add(watched)
        return watched

    def _warn(self, text: str, *values: object) -> None:
        self.warnings.append(text % values)


@asynccontextmanager
async def watching(
    cloud: ManyJobs, interval: float, **options: Any
) -> AsyncIterator[tuple[ManySubscriptions, list[Subscription]]]:
    subscriptions = ManySubscriptions(cloud, interval, **options)
    try:
        yield subscriptions, [subscriptions.add(job_id) for job_id in cloud.jobs]
    finally:
        await subscriptions.poller.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    async def with_limit() -> None:
        await asyncio.wait_for(work, 60)
        assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(with_limit())


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


async def looks(cloud: ManyJobs, count: int) -> None:
    """Wait until so many lists were read to the end, and another one has begun."""
    await until(lambda: len(cloud.pages) > count)


def told(watched: Subscription) -> list[JobUpdate | PAIError]:
    return [watched.queue.get_nowait() for _ in range(watched.queue.qsize())]


def statuses(watched: Subscription) -> list[str]:
    return [each.snapshot.status for each in told(watched) if isinstance(each, JobUpdate)]
