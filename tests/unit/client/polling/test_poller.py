from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from airflow_provider_pai.client.polling.cycle import SINGLE_LOOKS
from airflow_provider_pai.client.polling.rate_limit import MOST_SAVED, RateLimiter
from airflow_provider_pai.errors import PAIError
from tests.support.many_jobs import BEGIN, ManyJobs
from tests.support.subscriptions import statuses, subscribed, updates, wait_for_lists, wait_until
from tests.support.virtual_time import run


@pytest.mark.parametrize("jobs", [SINGLE_LOOKS + 1, 1_000, 10_000])
def test_a_poll_cycle_costs_a_page_for_each_hundred_jobs(jobs: int) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)
        async with subscribed(cloud, 0.5):
            await wait_for_lists(cloud, 2)
        assert cloud.pages[:2] == [-(-jobs // 100)] * 2
        assert cloud.got == []

    run(work())


def test_an_unchanged_job_is_published_once_in_any_number_of_cycles() -> None:
    async def work() -> None:
        cloud = ManyJobs(50)
        async with subscribed(cloud, 0.2) as (_, subscriptions):
            await wait_for_lists(cloud, 4)
            cloud.jobs["train7"] = "Succeed"
            await wait_for_lists(cloud, 6)
        for each in subscriptions:
            assert statuses(each) == (["Running", "Succeed"] if each.job_id == "train7" else ["Running"])

    run(work())


def test_a_thousand_jobs_that_end_at_once_are_all_seen_in_one_list() -> None:
    async def work() -> None:
        cloud = ManyJobs(1000)
        async with subscribed(cloud, 0.5) as (_, subscriptions):
            await wait_for_lists(cloud, 1)
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            await wait_until(lambda: all(each.ended for each in subscriptions))
            lists = len(cloud.pages)
            await asyncio.sleep(1.0)
            # Nothing waits for a job that has ended.
            assert len(cloud.pages) == lists <= 3
        assert cloud.got == []
        assert all(statuses(each)[-1] == "Succeed" for each in subscriptions)

    run(work())


def test_the_last_of_many_are_all_asked_for_where_that_is_cheaper_than_the_list() -> None:
    async def work() -> None:
        cloud, broke = ManyJobs(2000), RateLimiter(lambda: 0.0)
        for _ in range(2 * MOST_SAVED):
            broke.take()
        async with subscribed(cloud, 1.0, limiter=broke) as (_, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
            last = list(cloud.jobs)[:1900:130]
            cloud.jobs |= {job_id: "Succeed" for job_id in cloud.jobs if job_id not in last}
            await wait_until(lambda: sum(not each.ended for each in subscriptions) == len(last))
            lists = len(cloud.pages)
            await wait_for_lists(cloud, lists + 1)
            assert cloud.pages[lists] <= 1 + 4
            assert set(cloud.got[: cloud.got_before[lists + 1]]) == set(last)

    run(work())


def test_few_jobs_are_asked_for_one_by_one() -> None:
    async def work() -> None:
        cloud = ManyJobs(SINGLE_LOOKS)
        async with subscribed(cloud, 0.2):
            await wait_until(lambda: len(cloud.got) >= 3 * SINGLE_LOOKS)
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
        async with subscribed(cloud, 0.2, now=BEGIN + age):
            await wait_for_lists(cloud, 2)
        first, second, *_ = cloud.queries
        assert (first["StartTime"], first.get("Labels"), first.get("EndTime")) == (begin, None, None)
        assert (second["StartTime"], second.get("EndTime")) == ("2026-11-23T23:55:00Z", end)
        assert second["Labels"] == '{"airflow.deployment":"here"}'

    run(work())


def test_jobs_that_no_list_shows_are_read_in_turn_and_not_all_at_once() -> None:
    async def work() -> None:
        cloud = ManyJobs(600)
        cloud.hidden = set(list(cloud.jobs)[::2])
        async with subscribed(cloud, 0.3) as (_, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
        assert cloud.got_before[1] <= MOST_SAVED
        assert len(set(cloud.got)) == len(cloud.hidden)
        # No job has a second turn before all have had their first.
        assert set(cloud.got[:300]) == cloud.hidden

    run(work())


def test_a_subscription_added_during_a_cycle_is_served() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        async with subscribed(cloud, 30.0, latency=5.0) as (many, _):
            # Its calls are under way.
            await asyncio.sleep(3.0)
            cloud.created |= {"late": cloud.created["train0"]}
            cloud.jobs["late"] = "Running"
            late = many.add("late")
            await wait_until(lambda: late.job)
            assert statuses(late) == ["Running"]

    run(work())


def test_a_subscription_removed_during_a_cycle_gets_no_update_and_the_others_do() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        async with subscribed(cloud, 30.0, latency=5.0) as (many, subscriptions):
            # Its calls are under way.
            await asyncio.sleep(3.0)
            gone, *others = subscriptions
            assert not many.poller.remove(gone)
            await wait_until(lambda: all(each.job for each in others))
        assert updates(gone) == []

    run(work())


@pytest.mark.parametrize("jobs", [1, 20])
def test_a_poller_that_is_closed_during_a_cycle_leaves_nothing_behind(jobs: int) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)
        async with subscribed(cloud, 30.0, latency=5.0) as (many, subscriptions):
            # Its calls are under way.
            await asyncio.sleep(3.0)
            assert [many.poller.remove(each) for each in subscriptions] == [False] * (jobs - 1) + [True]
        assert cloud.closed

    run(work())


def test_two_subscriptions_of_one_job_both_hear_of_its_end() -> None:
    async def work() -> None:
        cloud = ManyJobs(1)
        async with subscribed(cloud, 0.2) as (many, [first]):
            second = many.add("train0")
            await wait_until(lambda: first.job and second.job)
            cloud.jobs["train0"] = "Failed"
            await wait_until(lambda: first.ended and second.ended)
            assert statuses(first)[-1] == statuses(second)[-1] == "Failed"

    run(work())


def test_no_subscription_waits_for_a_poller_that_was_cancelled() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        async with subscribed(cloud, 0.2) as (many, subscriptions):
            await wait_for_lists(cloud, 1)
            (task,) = [each for each in asyncio.all_tasks() if each.get_name() == "pai-poller"]
            task.cancel()
            await wait_until(lambda: all(each.ended for each in subscriptions))
            assert all(isinstance(updates(each)[-1], PAIError) for each in subscriptions)
            # Who comes later is looked after as well.
            late = many.add("train3")
            await wait_until(lambda: late.job)

    run(work())
