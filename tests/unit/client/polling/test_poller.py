from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from airflow_provider_pai.client.polling.cycle import SINGLE_LOOKS
from airflow_provider_pai.client.polling.rate_limit import MOST_SAVED, RateLimiter
from airflow_provider_pai.errors import PAIError
from tests.support.many_jobs import BEGIN, ManyJobs
from tests.support.subscriptions import looks, run, statuses, told, until, watching


@pytest.mark.parametrize("jobs", [SINGLE_LOOKS + 1, 1_000, 10_000])
def test_a_round_costs_a_page_for_each_hundred_jobs(jobs: int) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)
        async with watching(cloud, 0.5):
            await looks(cloud, 2)
        assert cloud.pages[:2] == [-(-jobs // 100)] * 2
        assert cloud.got == []

    run(work())


def test_a_job_without_news_is_passed_on_once_whatever_the_number_of_looks() -> None:
    async def work() -> None:
        cloud = ManyJobs(50)
        async with watching(cloud, 0.2) as (_, watches):
            await looks(cloud, 4)
            cloud.jobs["train7"] = "Succeed"
            await looks(cloud, 6)
        for each in watches:
            assert statuses(each) == (["Running", "Succeed"] if each.job_id == "train7" else ["Running"])

    run(work())


def test_a_thousand_jobs_that_end_at_once_are_all_seen_in_one_list() -> None:
    async def work() -> None:
        cloud = ManyJobs(1000)
        async with watching(cloud, 0.5) as (_, watches):
            await looks(cloud, 1)
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            await until(lambda: all(each.ended for each in watches))
            lists = len(cloud.pages)
            await asyncio.sleep(1.0)
            # Nobody waits for a job that has ended.
            assert len(cloud.pages) == lists <= 3
        assert cloud.got == []
        assert all(statuses(each)[-1] == "Succeed" for each in watches)

    run(work())


def test_the_last_of_many_are_all_asked_for_where_that_is_cheaper_than_the_list() -> None:
    async def work() -> None:
        cloud, broke = ManyJobs(2000), RateLimiter(lambda: 0.0)
        for _ in range(2 * MOST_SAVED):
            broke.take()
        async with watching(cloud, 1.0, limiter=broke) as (_, watches):
            await until(lambda: all(each.job for each in watches))
            last = list(cloud.jobs)[:1900:130]
            cloud.jobs |= {job_id: "Succeed" for job_id in cloud.jobs if job_id not in last}
            await until(lambda: sum(not each.ended for each in watches) == len(last))
            lists = len(cloud.pages)
            await looks(cloud, lists + 1)
            assert cloud.pages[lists] <= 1 + 4
            assert set(cloud.got[: cloud.got_before[lists + 1]]) == set(last)

    run(work())


def test_few_jobs_are_asked_for_one_by_one() -> None:
    async def work() -> None:
        cloud = ManyJobs(SINGLE_LOOKS)
        async with watching(cloud, 0.2):
            await until(lambda: len(cloud.got) >= 3 * SINGLE_LOOKS)
        assert "ListTrainingJobs" not in cloud.calls

    run(work())


@pytest.mark.parametrize(
    ("age", "begin", "end"),
    [
        # An end in the future goes without saying, and might be refused.
        (timedelta(), "2026-10-25T00:00:00Z", None),
        (timedelta(days=1), "2026-10-26T00:00:00Z", "2026-11-24T00:05:19Z"),
    ],
)
def test_after_the_first_list_only_jobs_of_this_deployment_and_time_are_listed(
    age: timedelta, begin: str, end: str | None
) -> None:
    async def work() -> None:
        cloud = ManyJobs(20, labels={"airflow.deployment": "here"})
        async with watching(cloud, 0.2, now=BEGIN + age):
            await looks(cloud, 2)
        first, second, *_ = cloud.queries
        assert (first["StartTime"], first.get("Labels"), first.get("EndTime")) == (begin, None, None)
        assert (second["StartTime"], second.get("EndTime")) == ("2026-11-23T23:55:00Z", end)
        assert second["Labels"] == '{"airflow.deployment":"here"}'

    run(work())


def test_jobs_that_no_list_shows_are_each_looked_at_in_turn_and_not_all_at_once() -> None:
    async def work() -> None:
        cloud = ManyJobs(600)
        cloud.hidden = set(list(cloud.jobs)[::2])
        async with watching(cloud, 0.3) as (_, watches):
            await until(lambda: all(each.job for each in watches))
        assert cloud.got_before[1] <= MOST_SAVED
        assert len(set(cloud.got)) == len(cloud.hidden)
        # Nobody has a second turn before all have had their first.
        assert set(cloud.got[:300]) == cloud.hidden

    run(work())


def test_a_watch_that_comes_while_a_round_is_under_way_is_looked_at() -> None:
    async def work() -> None:
        cloud, going_on = ManyJobs(20), threading.Event()
        cloud.trouble = lambda _: going_on.wait(10) and None
        async with watching(cloud, 30.0) as (subscriptions, _):
            await until(lambda: cloud.calls)
            cloud.created |= {"late": cloud.created["train0"]}
            cloud.jobs["late"] = "Running"
            late = subscriptions.add("late")
            going_on.set()
            await until(lambda: late.job)
            assert statuses(late) == ["Running"]

    run(work())


def test_a_watch_that_goes_while_a_round_is_under_way_hears_nothing_and_the_others_all() -> None:
    async def work() -> None:
        cloud, going_on = ManyJobs(20), threading.Event()
        cloud.trouble = lambda _: going_on.wait(10) and None
        async with watching(cloud, 30.0) as (subscriptions, watches):
            await until(lambda: cloud.calls)
            gone, *others = watches
            assert not subscriptions.poller.remove(gone)
            going_on.set()
            await until(lambda: all(each.job for each in others))
        assert told(gone) == []

    run(work())


@pytest.mark.parametrize("jobs", [1, 20])
def test_a_poller_that_is_closed_while_a_round_is_under_way_leaves_nothing_behind(jobs: int) -> None:
    async def work() -> None:
        cloud, going_on = ManyJobs(jobs), threading.Event()
        cloud.trouble = lambda _: going_on.wait(10) and None
        async with watching(cloud, 30.0) as (subscriptions, watches):
            await until(lambda: cloud.calls)
            assert [subscriptions.poller.remove(each) for each in watches] == [False] * (jobs - 1) + [True]
        going_on.set()
        assert cloud.closed

    run(work())


def test_two_watches_of_one_job_both_hear_of_its_end() -> None:
    async def work() -> None:
        cloud = ManyJobs(1)
        async with watching(cloud, 0.2) as (subscriptions, [first]):
            second = subscriptions.add("train0")
            await until(lambda: first.job and second.job)
            cloud.jobs["train0"] = "Failed"
            await until(lambda: first.ended and second.ended)
            assert statuses(first)[-1] == statuses(second)[-1] == "Failed"

    run(work())


def test_nobody_waits_for_a_poller_that_was_cancelled() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        async with watching(cloud, 0.2) as (subscriptions, watches):
            await looks(cloud, 1)
            (task,) = [each for each in asyncio.all_tasks() if each.get_name() == "pai-poller"]
            task.cancel()
            await until(lambda: all(each.ended for each in watches))
            assert all(isinstance(told(each)[-1], PAIError) for each in watches)
            # Who comes later is looked after all the same.
            late = subscriptions.add("train3")
            await until(lambda: late.job)

    run(work())
