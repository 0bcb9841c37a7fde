"""The queues of resource quotas: read rarely, and once for all jobs that wait in one."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from airflow_provider_pai.api.quotas import list_quota_workloads
from airflow_provider_pai.client.polling.store import SubscriptionStore
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.queue_place import QueuedWorkload, QuotaQueue, is_queued
from airflow_provider_pai.model.training.status import JobSnapshot

log = logging.getLogger(__name__)

FIRST_LOOK = 10.0
"""Seconds that a job must have waited before its queue is read: most jobs begin sooner."""
QUEUE_INTERVAL = 180.0
"""Seconds between two reads of one queue."""
REFUSED_INTERVAL = 3600.0
"""The same after an answer that will not pass by itself, such as a missing right."""
MOST_PAGES = 5
_TICK = 30.0


class QuotaQueues:
    """Reads queues; never fails, since nothing depends on a place but a line in a log. One thread at a time calls it.

    Args:
        client: sends the calls.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, client: Sender, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._due: dict[str, float] = {}

    def of(self, job: JobSnapshot) -> QuotaQueue | None:
        """Return the queue in which a job waits; None when it waits in none, or it is too soon to read it again."""
        return self.read(job.resource_id) if is_queued(job) else None

    def read(self, quota_id: str) -> QuotaQueue | None:
        """Return the queue of a quota; None when it can't be had, or when it is too soon to read it again."""
        now = self._clock()
        if now < self._due.setdefault(quota_id, now + FIRST_LOOK):
            return None
        self._due[quota_id] = now + QUEUE_INTERVAL
        try:
            return self._read(quota_id)
        except PAIError as error:
            if not is_passing(error):
                self._due[quota_id] = now + REFUSED_INTERVAL
            log.info("The queue of quota %s can't be read, so no places in it are shown: %s", quota_id, error)
            return None

    def _read(self, quota_id: str) -> QuotaQueue:
        found: dict[str, QueuedWorkload] = {}
        total = 0
        for number in range(1, MOST_PAGES + 1):
            page = self._client.send(list_quota_workloads(quota_id, page=number), attempts=1)
            new = {each.workload_id: each for each in page.items if each.workload_id not in found}
            found |= new
            total = page.total
            if not new or len(found) >= total:
                break
        return QuotaQueue(quota_id, tuple(found.values()), total)


async def follow_queues(
    queues: QuotaQueues,
    store: SubscriptionStore,
    run: Callable[[Callable[[], QuotaQueue | None]], Awaitable[QuotaQueue | None]],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Tell the jobs that wait in queues their places, for ever.

    Args:
        queues: reads the queues.
        store: knows who waits for which job.
        run: runs a read in a thread.
        sleep: waits, in seconds.
    """
    while True:
        await sleep(_TICK)
        for quota_id, subscriptions in store.queued().items():
            try:
                queue = await run(partial(queues.read, quota_id))
            except Exception:
                # A fault of ours must not end the watching of jobs.
                log.exception("The queue of quota %s could not be read", quota_id)
                continue
            if queue:
                for each in subscriptions:
                    each.publish_place(queue)
