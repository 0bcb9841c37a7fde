from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.log_queue import LATE, PAGES_PER_TURN, LogReadQueue
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.rate_limit import CALLS_PER_SECOND, MOST_SAVED, RateLimiter
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.many_jobs import ManyJobs


class Reading:
    """Reads a line of each log; remembers whose and how many pages were allowed."""

    def __init__(self, limiter: RateLimiter | None = None) -> None:
        self.read: list[tuple[str, int]] = []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.turns = LogReadQueue(limiter or RateLimiter(), self._read)

    async def _read(self, _: TaskLog, job: JobSnapshot, pages: int) -> list[str]:
        self.read.append((job.job_id, pages))
        await self.going_on.wait()
        return [f"a line of {job.job_id}"]

    async def serve(self, seconds: float = 0.05) -> None:
        """Let two serve for a while."""
        serving = [asyncio.create_task(self.turns.serve()) for _ in range(2)]
        await asyncio.sleep(seconds)
        for each in serving:
            each.cancel()
        await asyncio.wait(serving)


def watch(number: int, status: str = "Running", interval: float = 10.0) -> Subscription:
    reader = LogReader(ManyJobs(), f"train{number}", lambda *_: None)
    watched = Subscription(f"train{number}", interval, OutagePolicy(lambda *_: None), TaskLog(reader, Checkpoint()))
    watched.see(JobSnapshot(f"train{number}", status), 0.0)
    watched.publish()
    return watched


def lines(watched: Subscription) -> list[str]:
    found: list[str] = []
    while not watched.queue.empty():
        item = watched.queue.get_nowait()
        assert isinstance(item, JobUpdate)
        found += item.lines
    return found


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_everybody_has_a_turn_before_anybody_has_a_second() -> None:
    async def work() -> None:
        reading = Reading()
        watches = [watch(number) for number in range(30)]
        for _ in range(2):
            for each in watches:
                reading.turns.want(each)
        await reading.serve()
        assert [job_id for job_id, _ in reading.read] == [each.job_id for each in watches]
        assert all(lines(each)[-1] == f"a line of {each.job_id}" for each in watches)

    run(work())


def test_who_is_alone_may_read_many_pages_and_many_share_them() -> None:
    async def work() -> None:
        reading = Reading()
        reading.turns.want(watch(0))
        await reading.serve()
        for number in range(1, MOST_SAVED + 1):
            reading.turns.want(watch(number))
        await reading.serve()
        pages = [pages for _, pages in reading.read]
        assert pages[0] == PAGES_PER_TURN
        assert pages[1] == 1

    run(work())


def test_without_calls_left_nothing_is_read() -> None:
    async def work() -> None:
        limiter = RateLimiter(lambda: 0.0)
        for _ in range(2 * MOST_SAVED):
            limiter.take()
        reading = Reading(limiter)
        reading.turns.want(watch(0))
        await reading.serve(0.5)
        assert reading.read == []

    run(work())


def test_a_job_that_does_not_run_yet_has_no_turn() -> None:
    async def work() -> None:
        reading = Reading()
        for number, status in enumerate(["Creating", "Submitted", "Pausing"]):
            reading.turns.want(watch(number, status))
        await reading.serve()
        assert [job_id for job_id, _ in reading.read] == ["train2"]

    run(work())


def test_a_task_log_says_once_why_its_lines_come_late() -> None:
    async def work() -> None:
        reading = Reading()
        many = int(LATE * CALLS_PER_SECOND)
        watches = [watch(number) for number in range(many + 1)]
        for each in watches:
            reading.turns.want(each)
        first, last = watches[0], watches[-1]
        await reading.serve()
        for _ in range(2):
            reading.turns.want(last)
        said = [line for line in lines(last) if "take turns" in line]
        assert len(said) == 1
        assert f"{last.job_id} come late" in said[0]
        assert not any("take turns" in line for line in lines(first))

    run(work())


def test_an_end_that_is_seen_while_the_log_is_read_comes_after_its_lines_and_says_what_is_shown() -> None:
    async def work() -> None:
        reading = Reading()
        reading.going_on.clear()
        watched = watch(0)
        lines(watched)
        reading.turns.want(watched)
        serving = asyncio.create_task(reading.serve(0.3))
        while not reading.read:
            await asyncio.sleep(0.01)
        watched.see(JobSnapshot("train0", "Succeed"), 1.0)
        watched.publish()
        assert watched.queue.empty()
        reading.going_on.set()
        await serving
        progress = watched.queue.get_nowait()
        assert isinstance(progress, JobUpdate)
        assert progress.snapshot.is_terminal
        assert progress.lines == ("a line of train0",)

    run(work())
