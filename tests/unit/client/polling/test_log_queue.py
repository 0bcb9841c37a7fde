from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.log_queue import LATE, PAGES_PER_TURN, LogReadQueue
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.rate_limit import MOST_OWED, MOST_SAVED, RateLimiter
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.many_jobs import ManyJobs
from tests.support.virtual_time import run

LATENCY = 0.05


class Reading:
    """Reads a line of each log that has one; remembers whose, when and how many pages were allowed."""

    def __init__(self, limiter: RateLimiter | None = None) -> None:
        self._clock = asyncio.get_running_loop().time
        self.reads: list[tuple[str, int, float]] = []
        self.printing: set[str] = set()
        self.latency = LATENCY
        self.limiter = limiter or RateLimiter(self._clock)
        self.queue = LogReadQueue(self.limiter, self._read, self._clock)

    async def _read(self, _: TaskLog, job: JobSnapshot, pages: int) -> list[str]:
        self.limiter.take()
        self.reads.append((job.job_id, pages, self._clock()))
        await asyncio.sleep(self.latency)
        return [f"a line of {job.job_id}"] if job.job_id in self.printing else []

    async def serve(self, seconds: float) -> None:
        """Let three serve for a while."""
        serving = [asyncio.create_task(self.queue.serve()) for _ in range(3)]
        await asyncio.sleep(seconds)
        for each in serving:
            each.cancel()
        await asyncio.wait(serving)

    def add(self, count: int, *, printing: bool = False) -> list[Subscription]:
        subscriptions = [subscription(number) for number in range(count)]
        self.printing |= {each.job_id for each in subscriptions} if printing else set()
        for each in subscriptions:
            self.queue.add(each)
        return subscriptions

    def job_ids(self) -> list[str]:
        return [job_id for job_id, _, _ in self.reads]


def subscription(number: int, status: str = "Running", interval: float = 10.0) -> Subscription:
    reader = LogReader(ManyJobs(), f"train{number}", lambda *_: None)
    new = Subscription(f"train{number}", interval, OutagePolicy(lambda *_: None), TaskLog(reader, Checkpoint()))
    new.observe(JobSnapshot(f"train{number}", status), 0.0)
    new.publish()
    return new


def lines(subscription: Subscription) -> list[str]:
    found: list[str] = []
    for item in subscription.updates.take_all():
        assert isinstance(item, JobUpdate)
        found += item.lines
    return found


def longest_wait(reads: Iterable[tuple[str, int, float]], job_id: str, end: float) -> float:
    """Return the longest time without a read of a job's log."""
    times = [0.0, *(at for read, _, at in reads if read == job_id), end]
    return max(later - sooner for sooner, later in pairwise(times))


def test_every_log_has_its_turn_before_any_has_a_second() -> None:
    async def work() -> None:
        reading = Reading()
        subscriptions = reading.add(30, printing=True)
        for each in subscriptions:
            # It waits already.
            reading.queue.add(each)
        await reading.serve(1.7)
        assert reading.job_ids() == [each.job_id for each in subscriptions]
        assert all(lines(each)[-1] == f"a line of {each.job_id}" for each in subscriptions)

    run(work())


def test_a_single_log_may_take_many_pages_and_many_logs_share_them() -> None:
    async def work() -> None:
        reading = Reading()
        reading.add(1)
        await reading.serve(1.0)
        for number in range(1, 300):
            reading.queue.add(subscription(number))
            reading.limiter.take()
            reading.limiter.take()
        await reading.serve(1.0)
        pages = [pages for _, pages, _ in reading.reads]
        assert pages[0] == PAGES_PER_TURN
        assert pages[1] == 1

    run(work())


def test_without_calls_left_nothing_is_read() -> None:
    async def work() -> None:
        broke = RateLimiter(lambda: 0.0)
        for _ in range(MOST_SAVED + MOST_OWED):
            broke.take()
        reading = Reading(broke)
        reading.add(1)
        await reading.serve(10.0)
        assert reading.reads == []

    run(work())


def test_a_job_that_does_not_run_yet_has_no_turn() -> None:
    async def work() -> None:
        reading = Reading()
        for number, status in enumerate(["Creating", "Submitted", "Pausing"]):
            reading.queue.add(subscription(number, status))
        await reading.serve(1.0)
        assert reading.job_ids() == ["train2"]

    run(work())


def test_a_log_with_lines_is_read_again_soon_and_a_quiet_one_ever_more_rarely() -> None:
    async def work() -> None:
        reading = Reading()
        reading.printing = {"train0"}
        reading.add(2)
        await reading.serve(60.0)
        ids = reading.job_ids()
        assert 25 <= ids.count("train0") <= 30
        assert 5 <= ids.count("train1") <= 10

    run(work())


def test_many_quiet_logs_cost_few_calls() -> None:
    async def work() -> None:
        reading = Reading()
        reading.add(500)
        await reading.serve(300.0)
        quiet = [at for _, _, at in reading.reads if at > 60.0]
        assert len(quiet) <= 0.5 * 240 + 3

    run(work())


def test_lines_that_five_hundred_jobs_print_at_once_are_shown_within_half_a_minute() -> None:
    async def work() -> None:
        reading = Reading()
        subscriptions = reading.add(500)
        serving = asyncio.create_task(reading.serve(1000.0))
        await asyncio.sleep(500.0)
        reading.printing = {each.job_id for each in subscriptions}
        await asyncio.sleep(30.0)
        assert all(f"a line of {each.job_id}" in lines(each) for each in subscriptions)
        await serving

    run(work(), limit=2000.0)


def test_a_log_that_is_loud_does_not_wait_for_the_quiet_ones() -> None:
    async def work() -> None:
        reading = Reading()
        reading.printing = {"train7"}
        reading.add(1000)
        await reading.serve(300.0)
        assert longest_wait([each for each in reading.reads if each[2] > 30], "train7", 300.0) <= 35.0

    run(work())


def test_a_task_log_says_once_why_its_lines_come_late() -> None:
    async def work() -> None:
        reading = Reading()
        first, last = subscription(0), subscription(1)
        reading.printing = {"train0", "train1"}
        reading.latency = LATE
        for each in (first, *(subscription(number) for number in range(2, 8)), last):
            reading.queue.add(each)
        await reading.serve(5 * LATE)
        said = [line for line in lines(last) if "take turns" in line]
        assert len(said) == 1
        assert "train1 come late" in said[0]

    run(work())


def test_an_end_that_is_seen_while_the_log_is_read_comes_after_its_lines_and_says_what_is_shown() -> None:
    async def work() -> None:
        reading = Reading()
        reading.latency = 5.0
        (reads,) = reading.add(1, printing=True)
        lines(reads)
        serving = asyncio.create_task(reading.serve(10.0))
        await asyncio.sleep(1.0)
        reads.observe(JobSnapshot("train0", "Succeed"), 1.0)
        reads.publish()
        assert len(reads.updates) == 0
        await serving
        (update,) = reads.updates.take_all()
        assert isinstance(update, JobUpdate)
        assert update.snapshot.is_terminal
        assert update.lines == ("a line of train0",)

    run(work())
