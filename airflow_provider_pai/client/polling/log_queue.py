"""Whose log is read next: jobs take turns, so that each has its lines late rather than some none at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.rate_limit import CALLS_PER_SECOND, RateLimiter
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.model.training.status import JobSnapshot

PAGES_PER_TURN = 5
"""Pages that one turn takes at most: meanwhile nothing else of the job is passed on, its end neither."""
LATE = 60.0
"""Seconds after which lines are so late that a reader of the task's log should know why."""


class LogReadQueue:
    """Reads the logs of many jobs with the calls that looking at the jobs leaves over.

    Args:
        limiter: says how many these are.
        read: reads a job's new lines; is given the most pages to read.
    """

    def __init__(self, limiter: RateLimiter, read: Callable[[TaskLog, JobSnapshot, int], Awaitable[list[str]]]) -> None:
        self._limiter = limiter
        self._read = read
        self._waiting: asyncio.Queue[tuple[Subscription, float]] = asyncio.Queue()
        self._clock = asyncio.get_running_loop().time

    def want(self, watched: Subscription) -> None:
        """Read a job's log when its turn comes; at once when nobody else waits."""
        if watched.waiting_for_log or watched.reading or not watched.talking:
            return
        self._tell(watched, self._waiting.qsize() / CALLS_PER_SECOND)
        watched.waiting_for_log = True
        self._waiting.put_nowait((watched, self._clock()))

    async def serve(self) -> None:
        """Read one log after the other, for ever; several may do so."""
        while True:
            watched, since = await self._waiting.get()
            if watched.talking and (pause := self._limiter.wait()):
                await asyncio.sleep(pause)
            watched.waiting_for_log = False
            if job := watched.talking:
                self._tell(watched, self._clock() - since)
                await self._serve(watched, job)

    async def _serve(self, watched: Subscription, job: JobSnapshot) -> None:
        pages = max(1, min(PAGES_PER_TURN, self._limiter.left // (self._waiting.qsize() + 1)))
        watched.reading = True
        try:
            lines = await self._read(watched.log, job, pages)
            watched.reading = False
            if lines or watched.job is not watched.published:
                watched.publish(*lines)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
            watched.break_down(error)
        finally:
            watched.reading = False
        if watched.log.behind:
            self.want(watched)

    def _tell(self, watched: Subscription, seconds: float) -> None:
        """Say once why lines come late, to whoever reads this task's log."""
        if watched.told_late or seconds < max(LATE, 2 * watched.interval):
            return
        watched.told_late = True
        watched.publish(
            f"({self._waiting.qsize():,} jobs take turns at having their logs read here: log lines of job "
            f"{watched.job_id} come late, about every {seconds:.0f} s, and the last ones at its end.)"
        )
