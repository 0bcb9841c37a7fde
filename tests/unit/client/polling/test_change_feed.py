"""The change feed against lists that behave as badly as a list may: each end is seen, and never for more calls."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from statistics import median
from typing import Any

import pytest

from airflow_provider_pai.client.polling.change_feed import FeedLook
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.errors import NotFoundError, PAIError, TransportError
from tests.support.changing_jobs import ChangingJobs, Manners
from tests.support.subscriptions import ManySubscriptions, statuses, subscribed, updates
from tests.support.virtual_time import run

INTERVAL = 10.0


@dataclass
class Seen:
    """What came of many subscriptions.

    Attributes:
        delays: seconds from each end to its update.
        missed: ids of jobs that had ended, and whose end was not passed on.
        calls: calls that were made, in all and in the quiet time before the first end.
    """

    delays: list[float]
    missed: list[str]
    calls: int
    quiet_calls: float

    @property
    def p99(self) -> float:
        return sorted(self.delays)[int(len(self.delays) * 0.99)]


async def _note_end(subscription: Subscription, ends: dict[str, float]) -> None:
    while True:
        update = await subscription.updates.get()
        if isinstance(update, PAIError):
            raise update
        if update.snapshot.is_terminal:
            ends[subscription.job_id] = asyncio.get_running_loop().time()
            return


async def _end_jobs(cloud: ChangingJobs, job_ids: list[str], seconds: float, rng: random.Random) -> None:
    begun = asyncio.get_running_loop().time()
    for at, job_id in sorted((rng.uniform(0, seconds), job_id) for job_id in job_ids):
        await asyncio.sleep(max(0.0, begun + at - asyncio.get_running_loop().time()))
        cloud.change(job_id, "Succeed")
        if rng.random() < 0.2:
            cloud.label(rng.choice(list(cloud.jobs)))


async def _run(
    manners: Manners,
    jobs: int,
    seconds: float,
    patience: float,
    ends: int | None,
    quiet: float,
    options: dict[str, Any],
) -> Seen:
    cloud = ChangingJobs(jobs, manners)
    found: dict[str, float] = {}
    rng = random.Random(7)
    async with subscribed(cloud, INTERVAL, **options) as (_, subscriptions):
        waiting = [asyncio.ensure_future(_note_end(each, found)) for each in subscriptions]
        await asyncio.sleep(quiet)
        before = cloud.calls.total()
        await asyncio.sleep(quiet)
        quiet_calls = (cloud.calls.total() - before) / quiet
        chosen = rng.sample(list(cloud.jobs), ends or jobs)
        await _end_jobs(cloud, chosen, seconds, rng)
        await asyncio.sleep(patience)
        calls = cloud.calls.total()
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    delays = [at - cloud.ended[job_id] for job_id, at in found.items() if job_id in cloud.ended]
    return Seen(delays, [each for each in chosen if each not in found], calls, quiet_calls)


def watch(
    manners: Manners,
    jobs: int = 1000,
    seconds: float = 60.0,
    patience: float = 60.0,
    *,
    ends: int | None = None,
    quiet: float = 30.0,
    **options: Any,
) -> Seen:
    """Let jobs end at random, and return what was seen of it."""
    return run(_run(manners, jobs, seconds, patience, ends, quiet, options), limit=3600.0)


@cache
def calls_without_a_feed(lag: float, cap: int) -> int:
    """Return the calls that the same takes by lists of all jobs alone."""
    return watch(Manners("refused", lag=lag, cap=cap)).calls


@pytest.mark.parametrize(("jobs", "seconds"), [(500, 60.0), (1500, 60.0), (2000, 15.0), (4000, 20.0)])
def test_an_end_is_seen_at_once_however_many_jobs_are_waited_for_and_however_fast_they_end(
    jobs: int, seconds: float
) -> None:
    seen = watch(Manners(), jobs, seconds)
    assert seen.missed == []
    assert len(seen.delays) == jobs
    assert median(seen.delays) <= 0.8
    assert seen.p99 <= 1.5
    assert seen.quiet_calls <= 2.0


def test_an_end_is_seen_at_once_where_each_page_takes_long_and_jobs_end_as_fast_as_fifty_thousand_do() -> None:
    seen = watch(Manners(), 8000, 16.0, latency=0.05)
    assert seen.missed == []
    assert median(seen.delays) <= 0.8
    assert seen.p99 <= 1.5
    # A call for each hundred ends, the second that is read again, and a look a second in quiet.
    assert seen.calls <= 8000 / 100 * 5 + 2 * 120


@pytest.mark.parametrize("jobs", [1, 2, 5, 40, 101, 200])
@pytest.mark.parametrize("is_crowded", [False, True], ids=["alone", "among many others"])
def test_of_few_jobs_that_were_quiet_for_long_each_end_is_seen_at_once_and_calls_are_few(
    jobs: int, is_crowded: bool
) -> None:
    async def work() -> None:
        cloud = ChangingJobs(jobs + 900 * is_crowded)
        many = ManySubscriptions(cloud, INTERVAL)
        chosen = list(cloud.jobs)[:: len(cloud.jobs) // jobs][:jobs]
        found: dict[str, float] = {}
        waiting = [asyncio.ensure_future(_note_end(many.add(each), found)) for each in chosen]
        await asyncio.sleep(600.0)
        before = cloud.calls.total()
        await asyncio.sleep(300.0)
        assert (cloud.calls.total() - before) / 300.0 <= 1.0
        await _end_jobs(cloud, chosen, 10.0 * jobs, random.Random(3))
        await asyncio.sleep(INTERVAL)
        await many.poller.close()
        await asyncio.gather(*waiting)
        delays = sorted(found[each] - cloud.ended[each] for each in chosen)
        # Of two the one that is left is polled by itself from then on.
        assert delays[-1] <= (2.5 if is_crowded and jobs < 101 else 1.5)

    run(work(), limit=10_000.0)


@pytest.mark.parametrize(("jobs", "seconds"), [(1500, 60.0), (4000, 20.0)])
def test_no_end_is_late_where_pages_are_answered_in_another_order_than_they_are_asked_for(
    jobs: int, seconds: float
) -> None:
    seen = watch(Manners(), jobs, seconds, latency=0.02, is_uneven=True)
    assert seen.missed == []
    assert median(seen.delays) <= 0.8
    assert seen.p99 <= 1.5
    # A job that changes again while a look is under way moves past it, and is on the next one; the very last ones are
    # too few for looks at many.
    assert sum(delay > 3.0 for delay in seen.delays) <= 1


@pytest.mark.parametrize(
    ("look", "wasted"),
    [
        (FeedLook(pages=2, updated=0, changes=0), 0),
        (FeedLook(pages=9, updated=0, changes=0), 7),
        (FeedLook(pages=9, updated=0, changes=700), 7),
        (FeedLook(pages=9, updated=600, changes=700), 0),
        (FeedLook(pages=9, updated=400, changes=800), 0),
        (FeedLook(pages=10, updated=200, changes=800), 4),
        (FeedLook(pages=9, updated=1400, changes=700), 0),
    ],
)
def test_pages_are_wasted_when_most_changes_on_them_are_known(look: FeedLook, wasted: int) -> None:
    assert look.wasted == wasted


def test_an_answer_that_comes_late_takes_no_job_back_to_where_it_was_before() -> None:
    async def work() -> None:
        cloud = ChangingJobs(3000)
        async with subscribed(cloud, INTERVAL, latency=0.2, is_stale=True) as (_, subscriptions):
            await asyncio.sleep(60.0)
            rng = random.Random(5)
            labelled = [(rng.uniform(0, 60), job_id) for job_id in cloud.jobs]
            changed = {(at + rng.uniform(0, 15), job_id) for at, job_id in labelled}
            begun = asyncio.get_running_loop().time()
            for at, job_id in sorted([*labelled, *changed]):
                await asyncio.sleep(max(0.0, begun + at - asyncio.get_running_loop().time()))
                if (at, job_id) in changed:
                    cloud.change(job_id, "Stopping")
                else:
                    cloud.label(job_id)
            await asyncio.sleep(60.0)
            seen = [statuses(each) for each in subscriptions]
            assert {tuple(status for status, _ in groupby(each)) for each in seen} == {("Running", "Stopping")}

    run(work())


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(lag=10.0),
        Manners(shuffles=True),
        Manners(labels_move=False),
        Manners(cap=10),
        Manners(cap=37, shuffles=True),
        Manners(lag=10.0, shuffles=True, cap=50),
        Manners(clock=lambda at: -3600.0 if at > 80 else 0.0),
        Manners(clock=lambda at: 3600.0 if at > 80 else 0.0),
        Manners(clock=lambda at: 3600.0 if 80 < at < 100 else 0.0),
        Manners(future={"train3", "train500"}),
        Manners(sorting="ignored"),
        Manners(sorting="refused"),
        Manners(sorting="reversed"),
    ],
    ids=[
        "well-behaved",
        "lagging",
        "shuffled",
        "labels don't move",
        "tiny pages",
        "odd pages",
        "all of it",
        "clock set back",
        "clock set forward",
        "clock wrong for a while",
        "times that can't be true",
        "ignored",
        "refused",
        "reversed",
    ],
)
def test_no_end_is_missed_whatever_the_list_does_and_no_more_calls_are_made_than_without_a_feed(
    manners: Manners,
) -> None:
    seen = watch(manners)
    assert seen.missed == []
    assert seen.calls <= calls_without_a_feed(manners.lag, manners.cap) * 1.05


@pytest.mark.parametrize("sorting", ["ignored", "refused", "reversed"])
def test_where_the_list_is_not_sorted_ends_are_seen_as_without_a_feed_and_that_is_said_once(
    sorting: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        seen = watch(Manners(sorting=sorting))
    assert len([each for each in caplog.records if "list of changes" in each.getMessage()]) == 1
    plain = watch(Manners("refused"))
    assert median(seen.delays) <= median(plain.delays) + 1.0
    assert seen.p99 <= plain.p99 + INTERVAL


def test_a_job_that_ended_before_its_subscription_is_published_within_an_interval() -> None:
    async def work() -> None:
        cloud = ChangingJobs(300)
        async with subscribed(cloud, INTERVAL) as (many, _):
            await asyncio.sleep(30.0)
            cloud.add("late")
            cloud.change("late", "Succeed")
            await asyncio.sleep(120.0)
            late = many.add("late")
            await asyncio.sleep(INTERVAL)
            assert [each.snapshot.status for each in updates(late) if isinstance(each, JobUpdate)] == ["Succeed"]

    run(work())


def test_jobs_that_come_one_by_one_are_each_seen_and_then_reported_on_by_the_feed() -> None:
    async def work() -> None:
        cloud = ChangingJobs(300)
        async with subscribed(cloud, INTERVAL) as (many, _):
            await asyncio.sleep(30.0)
            late = []
            for number in range(20):
                cloud.add(f"late{number}")
                cloud.change(f"late{number}", "Running")
                late.append(many.add(f"late{number}"))
                await asyncio.sleep(1.0)
            await asyncio.sleep(30.0)
            asked = len(cloud.got)
            await asyncio.sleep(30.0)
            assert len(cloud.got) == asked
            found: dict[str, float] = {}
            waiting = [asyncio.ensure_future(_note_end(each, found)) for each in late]
            for each in late:
                cloud.change(each.job_id, "Succeed")
            await asyncio.sleep(3.0)
            assert len(found) == len(late)
            await asyncio.gather(*waiting)

    run(work())


def test_deleted_jobs_end_their_subscriptions_and_hide_no_others() -> None:
    async def work() -> None:
        cloud = ChangingJobs(400)
        async with subscribed(cloud, INTERVAL) as (_, subscriptions):
            found: dict[str, float] = {}
            waiting = [asyncio.ensure_future(_note_end(each, found)) for each in subscriptions]
            await asyncio.sleep(30.0)
            rng = random.Random(3)
            chosen = rng.sample(list(cloud.jobs), 200)
            for ended, deleted in zip(chosen[::2], chosen[1::2], strict=True):
                cloud.change(ended, "Succeed")
                cloud.delete(deleted)
                await asyncio.sleep(0.2)
            await asyncio.sleep(240.0)
            results = dict(zip([each.job_id for each in subscriptions], waiting, strict=True))
            assert set(chosen[::2]) == set(found)
            assert all(isinstance(results[each].exception(), NotFoundError) for each in chosen[1::2])
            others = [task for job_id, task in results.items() if job_id not in chosen]
            assert not any(task.done() for task in others)
            for each in others:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(work(), limit=1000.0)


def test_an_outage_warns_each_subscription_once_and_ends_none() -> None:
    async def work() -> None:
        cloud = ChangingJobs(300)
        async with subscribed(cloud, INTERVAL) as (many, subscriptions):
            await asyncio.sleep(30.0)

            def down(_: Any) -> None:
                raise TransportError("no answer", sent=True)

            cloud.trouble, before = down, cloud.calls.total()
            await asyncio.sleep(300.0)
            assert len(many.warnings) == 300
            assert cloud.calls.total() - before <= 120
            cloud.trouble = lambda _: None
            await asyncio.sleep(90.0)
            assert len(many.warnings) == 600
            cloud.change("train7", "Succeed")
            await asyncio.sleep(INTERVAL)
            assert [each.job_id for each in subscriptions if each.ended] == ["train7"]

    run(work(), limit=1000.0)


def test_an_empty_answer_is_no_answer() -> None:
    class Emptied(ChangingJobs):
        is_empty = False

        def _listed(self, query: dict[str, str]) -> dict[str, Any]:
            return {} if self.is_empty and query["SortBy"] == "GmtModifiedTime" else super()._listed(query)

    async def work() -> None:
        cloud = Emptied(300)
        async with subscribed(cloud, INTERVAL) as (_, subscriptions):
            await asyncio.sleep(30.0)
            cloud.is_empty = True
            cloud.change("train7", "Succeed")
            # By lists of all jobs, as without a feed.
            await asyncio.sleep(2 * INTERVAL)
            assert [each.job_id for each in subscriptions if each.ended] == ["train7"]

    run(work())
