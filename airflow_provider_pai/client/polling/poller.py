"""The poller: one for all jobs that are waited for here, which asks once for all of them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from asyncio import Future
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from math import inf
from typing import TypeVar

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.paging import PageSizes
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.change_feed import ChangeFeed
from airflow_provider_pai.client.polling.cycle import SINGLE_LOOKS, CycleResult, PollContext, PollCycle
from airflow_provider_pai.client.polling.event_wait import wait_at_most
from airflow_provider_pai.client.polling.feed_reader import FeedReader
from airflow_provider_pai.client.polling.interval import QUIET_LOOK_INTERVAL, UNEVEN, Backoff
from airflow_provider_pai.client.polling.job_lister import JobLister
from airflow_provider_pai.client.polling.log_queue import LogReadQueue
from airflow_provider_pai.client.polling.quota_queues import QuotaQueues, follow_queues
from airflow_provider_pai.client.polling.rate_limit import CALLS_PER_SECOND, MOST_OWED, RateLimitedSender, RateLimiter
from airflow_provider_pai.client.polling.store import SubscriptionStore
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.client.polling.sweep import Sweep
from airflow_provider_pai.client.polling.workers import LOG_THREADS, Workers, WorkerThreads
from airflow_provider_pai.client.transport.http import PAIClient, utc_now
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.model.training.status import JobSnapshot

log = logging.getLogger(__name__)

GATHERING = 0.2
"""Seconds until the first look at a job: they come in crowds when a triggerer starts, and one look serves many."""
T = TypeVar("T")


class StatusPoller:
    """Asks for the jobs of its subscriptions; idle without any. Made and used in one running event loop.

    Few jobs are looked at in cycles: :func:`polling_interval` decides how often, and a cycle includes those that are
    due. Of many, the list of what has changed is read once a second instead, see :class:`FeedReader`. Logs are read
    beside that, which never waits for them.

    Args:
        client: sends the calls, from a few threads; closed with the poller.
        limiter: says how many calls may be made.
        rng: a number from 0 to 1, which makes pauses uneven.
        now: the time, in UTC.
        clock: a monotonic clock, in seconds. Default: the event loop's.
        sleep: waits, in seconds.
        workers: runs the calls. Default: threads.

    Attributes:
        sender: sends and counts calls; for readers of logs.
        log_pages: what is known of the pages of logs.
    """

    def __init__(
        self,
        client: PAIClient,
        *,
        limiter: RateLimiter | None = None,
        rng: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        workers: Workers | None = None,
    ) -> None:
        self._client = client
        self._clock = clock or asyncio.get_running_loop().time
        self._sleep_for = sleep
        self._rng = rng
        self._limiter = limiter or RateLimiter(self._clock)
        self.sender = RateLimitedSender(client, self._limiter)
        self.log_pages = PageSizes()
        self._workers = workers or WorkerThreads()
        self._logs = LogReadQueue(self._limiter, self.lines, self._clock, self._save_when_due)
        self._checkpoints: asyncio.Queue[Checkpoint] = asyncio.Queue()
        self._backoff = Backoff(rng)
        self._store = SubscriptionStore(now, self._logs.add)
        jobs = JobLister(client.config.workspace_id, self._send, sleep)
        self._context = PollContext(self._store, self._send, jobs, self._limiter)
        self._feed = FeedReader(
            ChangeFeed(jobs, self._store, self._clock),
            Sweep(jobs, self._store, self._clock),
            self._store,
            backoff=self._backoff,
            clock=self._clock,
            sleep=sleep,
            wake=lambda: self._wake(self._clock()),
        )
        self._queues = QuotaQueues(self.sender, self._clock)
        self._next = inf
        self._hold = self._list_again = self._quiet_until = -inf
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._holders = 0

    def add(self, subscription: Subscription) -> None:
        """Begin to look at a job."""
        self._store.add(subscription)
        subscription.start(self._clock(), GATHERING)
        self._feed.notice()
        self._wake(max(subscription.due, self._hold))
        if self._task is None or self._task.done():
            # An empty context: the cycles serve all and must not log into the first subscriber's task log.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="pai-poller", context=contextvars.Context())
            self._task.add_done_callback(self._handle_end)

    def remove(self, subscription: Subscription) -> bool:
        """End a subscription; return True when nothing needs the poller any more."""
        self._store.remove(subscription)
        return self._is_unused

    def hold(self) -> JobLister:
        """Keep the poller for one who reads lists by itself, and return a list that counts its calls here."""
        self._holders += 1
        return JobLister(self._client.config.workspace_id, self._send, self._sleep_for)

    def let_go(self) -> bool:
        """End a hold; return True when nothing needs the poller any more."""
        self._holders -= 1
        return self._is_unused

    async def send_when_allowed(self, call: Call[T]) -> T:
        """Send a call that can wait until others leave room for it."""
        await self.wait_for_room()
        return await self._workers.read_log(partial(self.sender.send, call))

    async def wait_for_room(self) -> None:
        """Wait until a call that can wait may be made."""
        await self._sleep_for(self._limiter.wait())

    @property
    def _is_unused(self) -> bool:
        return self._store.is_empty and not self._holders

    async def lines(self, log: TaskLog, job: JobSnapshot, pages: int) -> list[str]:
        """Return a job's new log lines.

        Args:
            log: the task's log.
            job: the job as it was just seen.
            pages: the most pages to read.
        """
        return await self._workers.read_log(partial(log.lines, job, pages))

    def save_later(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint soon: one after the other, so that very many never delay the cycles."""
        self._checkpoints.put_nowait(checkpoint)

    async def close(self) -> None:
        """End the cycles and give back threads and connections."""
        self._closed = True
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
        finally:
            self._workers.close()
            self._client.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_cycles(), name="pai-cycles")
            group.create_task(self._feed.follow(), name="pai-feed")
            group.create_task(self._feed.read_on(), name="pai-feed-late")
            group.create_task(self._feed.sweep(), name="pai-sweep")
            group.create_task(self._save_checkpoints(), name="pai-checkpoints")
            queues = follow_queues(self._queues, self._store, self._workers.read_log, self._sleep_for)
            group.create_task(queues, name="pai-queues")
            for _ in range(LOG_THREADS):
                group.create_task(self._logs.serve(), name="pai-logs")

    def _handle_end(self, task: asyncio.Task[None]) -> None:
        """Tell all subscribers when there are no more looks."""
        if self._closed:
            return
        error = None if task.cancelled() else task.exception()
        if error:
            log.error("The poller broke down", exc_info=error)
        self._store.fail_all(PAIError(f"the poller broke down: {repr(error) if error else 'it was cancelled'}"))

    async def _run_cycles(self) -> None:
        while True:
            await self._wait_for_next()
            now = self._clock()
            due = self._store.due(now)
            jobs = {each.job_id for each in due}
            promised = min((each.polled + each.interval for each in due), default=inf)
            crowd_waits = min(self._list_again, promised)
            if len(jobs) > SINGLE_LOOKS and now < crowd_waits:
                # A crowd that comes one by one has one list for all of it.
                self._next = self._hold = crowd_waits
                continue
            is_patient = all(each.is_patient for each in due)
            if is_patient and now < (rest := min(self._quiet_until, promised)):
                # What the last looks cost is shared by all, whether one call shows them or each needs its own.
                self._next = max(self._hold, min(rest, self._store.next_urgent()))
                continue
            # Until the cycle has ended, it need not be woken.
            self._next = -inf
            result = await self._run_cycle(jobs, now)
            if is_patient and result.listed and not result.error:
                self._feed.notice_cost(result.cost)
            self._next = max(self._hold, self._store.next_due())

    async def _wait_for_next(self) -> None:
        while (left := self._next - self._clock()) > 0:
            self._woken.clear()
            if not await wait_at_most(self._woken, None if left == inf else left):
                return

    def _wake(self, when: float) -> None:
        if when < self._next:
            self._next = when
            self._woken.set()

    async def _run_cycle(self, jobs: set[str], now: float) -> CycleResult:
        interval = self._store.shortest_interval()
        if len(jobs) > SINGLE_LOOKS:
            await self._feed.place()
        result = await PollCycle(self._context, jobs, now, 1 - UNEVEN * self._rng()).run()
        self._schedule_next_cycle(result, now, interval)
        return result

    def _schedule_next_cycle(self, result: CycleResult, now: float, interval: float) -> None:
        """Decide from what a cycle came to when the next one may be, and how many calls are kept for it."""
        if result.listed:
            self._limiter.reserve = min(result.cost, MOST_OWED)
            self._list_again = now + min(interval, result.cost / CALLS_PER_SECOND)
        elif len(self._store) <= SINGLE_LOOKS:
            self._limiter.reserve = 0
        self._quiet_until = now + result.cost * QUIET_LOOK_INTERVAL * (1 - UNEVEN)
        if result.error:
            # An outage is everybody's: the cycles slow down, for those too who come now.
            if result.answered:
                self._backoff.reset()
            self._backoff.record_error(result.error)
            self._hold = self._clock() + self._backoff.pause(max(interval, GATHERING))
        else:
            self._backoff.reset()

    def _save_when_due(self, subscription: Subscription) -> None:
        if subscription.log.checkpoint.claim_save():
            self.save_later(subscription.log.checkpoint)

    async def _save_checkpoints(self) -> None:
        while True:
            checkpoint = await self._checkpoints.get()
            await self._sleep_for(self._limiter.wait())
            try:
                await self._workers.read_log(partial(checkpoint.save, self.sender))
            except Exception:
                # Nothing depends on it but lines that come again.
                log.exception("The checkpoint of a task's log could not be saved")

    def _send(self, call: Call[T]) -> Future[T]:
        return self._workers.poll(partial(self._ask, call))

    def _ask(self, call: Call[T]) -> T:
        try:
            return self.sender.send(call, attempts=1)
        except PAIError:
            raise
        except Exception as error:
            # Borne as long as any other answer that can't be read: it must not end the watching of other jobs.
            log.exception("%s failed", call.action)
            raise ProtocolError(f"{call.action}: {error!r}") from error
