"""Looks at jobs, round after round: one round asks once for all jobs that anybody here waits for."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from asyncio import Future
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain
from math import inf
from typing import TypeVar

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.paging import PageSizes
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.cycle import SINGLE_LOOKS, PollContext, PollCycle
from airflow_provider_pai.client.polling.interval import UNEVEN, Backoff
from airflow_provider_pai.client.polling.job_lister import JobLister
from airflow_provider_pai.client.polling.log_queue import LogReadQueue
from airflow_provider_pai.client.polling.rate_limit import CALLS_PER_SECOND, MOST_SAVED, RateLimitedSender, RateLimiter
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.client.transport.http import PAIClient, utc_now
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.model.training.status import JobSnapshot

log = logging.getLogger(__name__)

GATHERING = 0.2
"""Seconds until the first look at a job: watches come in crowds when a triggerer starts, and one look serves many."""
_STATUS_THREADS, _LOG_THREADS = 4, 3
"""Together with the keeper of checkpoints no more than the client keeps connections."""
T = TypeVar("T")


class StatusPoller:
    """Asks for the jobs of its watches; idle without watches. Made and used in one running event loop.

    :func:`polling_interval` decides how often a job is looked at; a cycle looks at those that are due. Their logs are
    read beside the cycles, which never wait for that.

    Args:
        client: sends the calls, from a few threads; closed with the poller.
        limiter: says how many calls may be made.
        chance: a number from 0 to 1, which makes pauses uneven.
        now: the time, in UTC.

    Attributes:
        sender: sends and counts calls; for whoever reads logs.
        log_pages: what is known of the pages of logs.
    """

    def __init__(
        self,
        client: PAIClient,
        *,
        limiter: RateLimiter | None = None,
        chance: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        limiter = limiter or RateLimiter()
        self._client = client
        self._limiter = limiter
        self.sender = RateLimitedSender(client, limiter)
        self.log_pages = PageSizes()
        self._clock = asyncio.get_running_loop().time
        self._statuses = ThreadPoolExecutor(_STATUS_THREADS, thread_name_prefix="pai-statuses")
        self._logs = ThreadPoolExecutor(_LOG_THREADS, thread_name_prefix="pai-logs")
        self._turns = LogReadQueue(limiter, self.lines)
        self._checkpoints: asyncio.Queue[Checkpoint] = asyncio.Queue()
        self._backoff = Backoff(chance)
        self._chance = chance
        self._watches: set[Subscription] = set()
        self._awaited: dict[str, list[Subscription]] = {}
        jobs = JobLister(client.config.workspace_id, self._send)
        self._desk = PollContext(self._awaited, self._send, jobs, limiter, now, self._seen, self._forget)
        self._next = inf
        self._hold = self._list_again = -inf
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, watched: Subscription) -> None:
        """Begin to look at a job."""
        self._watches.add(watched)
        self._awaited.setdefault(watched.job_id, []).append(watched)
        watched.begin(self._clock(), GATHERING)
        self._wake(max(watched.due, self._hold))
        if self._task is None or self._task.done():
            # An empty context: the rounds serve everybody and must not log into the first watcher's task log.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="pai-poller", context=contextvars.Context())
            self._task.add_done_callback(self._stopped)

    def remove(self, watched: Subscription) -> bool:
        """End a watch; True when it was the last one."""
        self._watches.discard(watched)
        watched.ended = True
        self._forget(watched)
        return not self._watches

    async def lines(self, log: TaskLog, job: JobSnapshot, pages: int) -> list[str]:
        """Return a job's new log lines.

        Args:
            log: the task's log.
            job: the job as it was just seen.
            pages: the most pages to read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._logs, log.lines, job, pages)

    def save_later(self, checkpoint: Checkpoint) -> None:
        """Keep a place soon: one after the other, so that very many never delay the rounds."""
        self._checkpoints.put_nowait(checkpoint)

    async def close(self) -> None:
        """End the rounds and give back threads and connections."""
        self._closed = True
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
        finally:
            for threads in (self._statuses, self._logs):
                threads.shutdown(wait=False, cancel_futures=True)
            self._client.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rounds(), name="pai-rounds")
            group.create_task(self._save_checkpoints(), name="pai-checkpoints")
            for _ in range(_LOG_THREADS):
                group.create_task(self._turns.serve(), name="pai-logs")

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Nobody may wait for rounds that no longer come."""
        if self._closed:
            return
        error = None if task.cancelled() else task.exception()
        if error:
            log.error("The poller broke down", exc_info=error)
        reason = PAIError(f"the poller broke down: {repr(error) if error else 'it was cancelled'}")
        # Those too that need no more looks, but whose end was not passed on since their log was being read.
        for each in self._watches:
            self._forget(each)
            if not (each.published and each.published.is_terminal):
                each.give_up(reason)

    async def _rounds(self) -> None:
        while True:
            await self._sleep()
            now = self._clock()
            due = [each for each in self._each() if each.early <= now]
            jobs = {each.job_id for each in due}
            crowd_waits = min([self._list_again, *(each.looked + each.interval for each in due)])
            if len(jobs) > SINGLE_LOOKS and now < crowd_waits:
                # A crowd that comes one by one has one list for all of it.
                self._next = self._hold = crowd_waits
                continue
            # Until the round has ended, nobody needs to wake it.
            self._next = -inf
            await self._round(jobs, now)
            self._next = max(self._hold, min((each.due for each in self._each()), default=inf))

    async def _sleep(self) -> None:
        while (left := self._next - self._clock()) > 0:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), None if left == inf else left)
            except TimeoutError:
                return

    def _wake(self, when: float) -> None:
        if when < self._next:
            self._next = when
            self._news.set()

    async def _round(self, jobs: set[str], now: float) -> None:
        interval = min((each.interval for each in self._each()), default=0.0)
        round_ = PollCycle(self._desk, jobs, now, 1 - UNEVEN * self._chance())
        error = await round_.look()
        if round_.listed:
            self._limiter.reserve = min(round_.cost, MOST_SAVED)
            self._list_again = now + min(interval, round_.cost / CALLS_PER_SECOND)
        elif len(self._awaited) <= SINGLE_LOOKS:
            self._limiter.reserve = 0
        if error:
            # An outage is everybody's: the rounds slow down, for those too who come now.
            if round_.answered:
                self._backoff.reset()
            self._backoff.record_error(error)
            self._hold = self._clock() + self._backoff.pause(max(interval, GATHERING))
        else:
            self._backoff.reset()

    def _seen(self, watched: Subscription) -> None:
        if watched.ended:
            self._forget(watched)
            return
        self._turns.want(watched)
        if watched.log.checkpoint.claim_save():
            self.save_later(watched.log.checkpoint)

    async def _save_checkpoints(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            checkpoint = await self._checkpoints.get()
            await asyncio.sleep(self._limiter.wait())
            try:
                await loop.run_in_executor(self._logs, checkpoint.save, self.sender)
            except Exception:
                # Nothing depends on it but lines that come again.
                log.exception("The place of a task's log could not be kept")

    def _send(self, call: Call[T]) -> Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._statuses, self._ask, call)

    def _ask(self, call: Call[T]) -> T:
        try:
            return self.sender.send(call, attempts=1)
        except PAIError:
            raise
        except Exception as error:
            # Borne as long as any other answer that can't be read: it must not end the watching of other jobs.
            log.exception("%s failed", call.action)
            raise ProtocolError(f"{call.action}: {error!r}") from error

    def _each(self) -> Iterator[Subscription]:
        return chain.from_iterable(self._awaited.values())

    def _forget(self, watched: Subscription) -> None:
        """Look at a job no more for this watch."""
        watches = self._awaited.get(watched.job_id, [])
        if watched in watches:
            watches.remove(watched)
        if not watches:
            self._awaited.pop(watched.job_id, None)
