from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.cycle import SINGLE_LOOKS
from airflow_provider_pai.client.polling.rate_limit import MOST_SAVED
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import AuthError, PAIError, ServerError, ThrottledError, TransportError
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.many_jobs import ManyJobs
from tests.support.subscriptions import statuses, subscribed, updates, wait_for_lists, wait_until
from tests.support.virtual_time import run

LOST = TransportError("no answer", sent=True)
THROTTLED = ThrottledError("GetTrainingJob", 400, "Throttling.User", "slow down")
FORBIDDEN = AuthError("ListTrainingJobs", 403, "Forbidden.RAM", "no")


class Clumsy(TaskLog):
    """A task log that can't tell of one job, or can't read its log."""

    def changes(self, job: JobSnapshot) -> list[str]:
        if job.job_id == "train0" and not self.is_read:
            raise LookupError("a mistake")
        return super().changes(job)

    def lines(self, job: JobSnapshot, pages: int = 1) -> list[str]:
        raise LookupError("a mistake")


def test_an_outage_warns_each_subscription_once_and_costs_one_call_a_cycle() -> None:
    async def work() -> None:
        cloud = ManyJobs(300)

        def down(_: Call[Any]) -> None:
            raise LOST

        async with subscribed(cloud, 0.2) as (many, subscriptions):
            await wait_for_lists(cloud, 1)
            before = cloud.calls.total()
            cloud.trouble = down
            await wait_until(lambda: len(many.warnings) == len(subscriptions))
            await asyncio.sleep(1.0)
            assert len(many.warnings) == len(subscriptions)
            assert cloud.calls.total() - before <= 4 + 8 + 6
            cloud.trouble = lambda _: None
            await wait_until(lambda: len(many.warnings) == 2 * len(subscriptions))
            assert many.warnings[-1].startswith("PAI answers again")
            assert cloud.got == []

    run(work())


def test_who_may_not_list_asks_for_each() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)

        def no_list(call: Call[Any]) -> None:
            if call.action == "ListTrainingJobs":
                raise FORBIDDEN

        cloud.trouble = no_list
        async with subscribed(cloud, 0.2) as (many, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
            assert many.warnings == []

    run(work())


def test_a_throttled_get_ends_the_gets_of_its_cycle_and_warns_no_other_subscription() -> None:
    async def work() -> None:
        cloud = ManyJobs(200)
        cloud.hidden = set(cloud.jobs)

        def throttled(call: Call[Any]) -> None:
            if call.action == "GetTrainingJob":
                raise THROTTLED

        cloud.trouble = throttled
        async with subscribed(cloud, 5.0) as (many, _):
            await wait_until(lambda: many.warnings)
            await asyncio.sleep(0.5)
            assert len(many.warnings) == cloud.calls["GetTrainingJob"] <= 8

    run(work())


def test_where_few_calls_are_allowed_every_job_has_its_turn() -> None:
    async def work() -> None:
        cloud = ManyJobs(60)
        cloud.hidden = set(cloud.jobs)
        allowed = 0

        def few(call: Call[Any]) -> None:
            nonlocal allowed
            allowed = 5 if call.action == "ListTrainingJobs" else allowed - 1
            if allowed < 0:
                raise THROTTLED

        cloud.trouble = few
        # The longest pauses that may be made: what is answered now and then is no outage.
        async with subscribed(cloud, 0.2, chance=1.0) as (_, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
        assert len(cloud.pages) <= 2 * 60 / 5

    run(work())


@pytest.mark.parametrize("jobs", [3, 20])
def test_a_job_without_a_usable_answer_slows_no_other_down(jobs: int) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)
        cloud.hidden = {"train2"}

        def down(call: Call[Any]) -> None:
            if call.path.endswith("train2"):
                raise ServerError("GetTrainingJob", 500, "InternalError", "no")

        cloud.trouble = down
        async with subscribed(cloud, 0.2, chance=1.0) as (_, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions if each.job_id != "train2"))
            begun = asyncio.get_running_loop().time()
            before = cloud.calls.total()
            await wait_until(lambda: cloud.calls.total() >= before + 2 * 10)
            assert asyncio.get_running_loop().time() - begun < 8

    run(work())


def test_an_outage_slows_looks_down_that_are_made_singly() -> None:
    async def work() -> None:
        cloud = ManyJobs(3)

        def down(_: Call[Any]) -> None:
            raise LOST

        cloud.trouble = down
        async with subscribed(cloud, 0.2, chance=1.0):
            await asyncio.sleep(4.0)
        # After 0.2, 0.4, 0.8, 1.6 s, and so on.
        assert cloud.calls.total() <= 3 * 5

    run(work())


def test_a_list_that_is_throttled_half_way_warns_no_subscription_and_is_continued() -> None:
    async def work() -> None:
        cloud = ManyJobs(300)

        def throttled(call: Call[Any]) -> None:
            if call.query.get("PageNumber") == "2":
                raise ThrottledError("ListTrainingJobs", 429, "Throttling", "slow down", retry_after=0.01)

        cloud.trouble = throttled
        async with subscribed(cloud, 0.2) as (many, subscriptions):
            await wait_for_lists(cloud, 1)
            assert sum(each.job is not None for each in subscriptions) == 100
            cloud.trouble = lambda _: None
            await wait_until(lambda: all(each.job for each in subscriptions))
            assert many.warnings == []

    run(work())


def test_a_page_that_is_never_answered_leaves_its_jobs_to_be_asked_for_singly() -> None:
    async def work() -> None:
        cloud = ManyJobs(300)

        def down(call: Call[Any]) -> None:
            if call.query.get("PageNumber") == "2":
                raise ServerError("ListTrainingJobs", 500, "InternalError", "no")

        cloud.trouble = down
        async with subscribed(cloud, 0.2, chance=1.0) as (many, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
            assert many.warnings == []

    run(work())


def test_logs_are_read_with_what_looking_leaves_and_never_hold_it_up() -> None:
    async def work() -> None:
        cloud = ManyJobs(1000)
        async with subscribed(cloud, 0.5, logs=True) as (_, subscriptions):
            begun = asyncio.get_running_loop().time()
            await wait_for_lists(cloud, 4)
            read = cloud.calls["ListTrainingJobLogs"]
            assert 0 < read <= MOST_SAVED + 5 * (asyncio.get_running_loop().time() - begun) + 3
            assert all(each.job for each in subscriptions)

    run(work())


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59Z", "?"])
def test_a_job_of_an_absurd_age_is_subscription_and_hides_no_other(created: str) -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        cloud.created["train3"] = created
        async with subscribed(cloud, 0.2) as (_, subscriptions):
            await wait_until(lambda: all(each.job for each in subscriptions))
            await wait_for_lists(cloud, 3)
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            await wait_until(lambda: all(each.ended for each in subscriptions))
        assert all(statuses(each) == ["Running", "Succeed"] for each in subscriptions)

    run(work())


@pytest.mark.parametrize("jobs", [SINGLE_LOOKS, 20])
def test_a_subscription_that_cannot_be_updated_ends_alone(jobs: int, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)
        async with subscribed(cloud, 0.2) as (many, subscriptions):
            clumsy = many.subscribe("train0", Clumsy(None, Checkpoint()))
            await wait_until(lambda: all(each.job for each in subscriptions) and clumsy.ended)
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            await wait_until(lambda: all(each.ended for each in subscriptions))
        assert all(statuses(each)[-1] == "Succeed" for each in subscriptions)
        (error,) = updates(clumsy)
        assert isinstance(error, PAIError)
        assert "LookupError" in str(error)

    run(work())
    (record,) = [each for each in caplog.records if each.exc_info]
    assert "train0" in record.getMessage()


def test_a_subscription_with_an_unreadable_log_ends_alone() -> None:
    async def work() -> None:
        cloud = ManyJobs(4)
        async with subscribed(cloud, 0.2, logs=True) as (many, subscriptions):
            reader = LogReader(many.poller.sender, "train3", print)
            broken = many.subscribe("train3", Clumsy(reader, Checkpoint()))
            await wait_until(lambda: broken.ended)
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            histories: list[list[str]] = [[] for _ in subscriptions]

            def have_seen_the_end() -> bool:
                # A subscription that needs no further look may still have its log to read.
                for seen, each in zip(histories, subscriptions, strict=True):
                    seen += statuses(each)
                return all(seen[-1:] == ["Succeed"] for seen in histories)

            await wait_until(have_seen_the_end)
            assert isinstance(updates(broken)[-1], PAIError)

    run(work())


@pytest.mark.parametrize("jobs", [1, 20])
def test_an_exception_in_a_call_is_borne_like_an_unusable_answer(jobs: int) -> None:
    async def work() -> None:
        cloud = ManyJobs(jobs)

        def broken(_: Call[Any]) -> None:
            raise LookupError("a mistake")

        cloud.trouble = broken
        async with subscribed(cloud, 0.2) as (many, subscriptions):
            await wait_until(lambda: many.warnings)
            assert "LookupError" in many.warnings[0]
            cloud.trouble = lambda _: None
            await wait_until(lambda: all(each.job for each in subscriptions))

    run(work())


def test_a_place_that_can_not_be_kept_ends_nothing() -> None:
    class Lost(Checkpoint):
        def save(self, client: Sender) -> None:
            raise LookupError("a mistake")

    async def work() -> None:
        cloud = ManyJobs(1)
        async with subscribed(cloud, 0.2) as (many, [subscription]):
            many.poller.save_later(Lost())
            await asyncio.sleep(0.3)
            cloud.jobs["train0"] = "Succeed"
            await wait_until(lambda: subscription.ended)
            assert statuses(subscription)[-1] == "Succeed"

    run(work())


def test_the_end_of_a_job_is_published_although_its_log_read_breaks_off() -> None:
    async def work() -> None:
        cloud = ManyJobs(1)
        async with subscribed(cloud, 5.0, log_latency=1000.0, logs=True) as (_, [subscription]):
            await wait_until(lambda: cloud.calls["GetTrainingJob"] == 1)
            cloud.jobs["train0"] = "Succeed"
            await wait_until(lambda: subscription.ended)
            assert not subscription.has_published_end
            (task,) = [each for each in asyncio.all_tasks() if each.get_name() == "pai-poller"]
            task.cancel()
            await wait_until(lambda: any(isinstance(each, PAIError) for each in updates(subscription)))

    run(work())


def test_a_service_that_goes_away_after_the_list_is_not_asked_for_every_job() -> None:
    async def work() -> None:
        cloud = ManyJobs(200)
        cloud.hidden = set(cloud.jobs)

        def down(call: Call[Any]) -> None:
            if call.action == "GetTrainingJob":
                raise LOST

        cloud.trouble = down
        async with subscribed(cloud, 5.0) as (many, _):
            await wait_until(lambda: many.warnings)
            await asyncio.sleep(0.5)
            assert cloud.calls["GetTrainingJob"] == len(many.warnings) == 8

    run(work())
