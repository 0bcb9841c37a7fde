from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import ListedJob, ListedPage
from airflow_provider_pai.client.polling.job_lister import JobLister, ListFilter
from airflow_provider_pai.errors import APIError, PAIError, ThrottledError, TransportError
from tests.support.many_jobs import BEGIN, ManyJobs

ALL = ListFilter(BEGIN)


class Reader:
    """Reads a list as a round does, and remembers what it met."""

    def __init__(self, cloud: ManyJobs) -> None:
        self.met: list[str] = []
        self.expected_pages: list[int] = []
        self.pauses: list[float] = []
        loop = asyncio.get_running_loop()
        self._jobs = JobLister("12345", lambda call: loop.run_in_executor(None, cloud.send, call), self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def read(self, wanted: set[str], window: ListFilter = ALL) -> set[str]:
        """Return the ids that were not found."""
        missing = set(wanted)

        async def met(jobs: Sequence[ListedJob], pages: int) -> int:
            self.expected_pages.append(pages)
            self.met += [job.job_id for job in jobs]
            missing.difference_update(job.job_id for job in jobs)
            return len(missing)

        await self._jobs.read(window, len(missing), met)
        return missing


def test_many_jobs_are_read_in_the_largest_pages_and_each_once() -> None:
    async def reading() -> None:
        cloud = ManyJobs(1050)
        reader = Reader(cloud)
        assert await reader.read(set(cloud.jobs)) == set()
        assert cloud.calls == {"ListTrainingJobs": 11}
        assert reader.met == list(cloud.jobs)[::-1]
        assert set(reader.expected_pages) == {11}

    asyncio.run(reading())


@pytest.mark.parametrize("cap", [50, 30])
def test_a_service_that_gives_fewer_jobs_than_asked_for_is_read_to_the_end(cap: int) -> None:
    async def reading() -> None:
        cloud = ManyJobs(300)
        cloud.cap = cap
        assert await Reader(cloud).read(set(cloud.jobs)) == set()
        assert cloud.calls == {"ListTrainingJobs": 300 // cap}

    asyncio.run(reading())


def test_a_service_that_refuses_large_pages_is_asked_for_smaller_ones_from_then_on() -> None:
    async def reading() -> None:
        cloud = ManyJobs(300)
        cloud.refused = 40
        reader = Reader(cloud)
        for _ in range(2):
            assert await reader.read(set(cloud.jobs)) == set()
        assert [query["PageSize"] for query in cloud.queries] == ["100", "50", *["25"] * 24]

    asyncio.run(reading())


def test_a_list_that_is_refused_whatever_the_size_is_an_error_and_the_size_stays() -> None:
    async def reading() -> None:
        cloud = ManyJobs(300)
        cloud.refused = 0
        reader = Reader(cloud)
        with pytest.raises(APIError):
            await reader.read(set(cloud.jobs))
        cloud.refused = None
        await reader.read(set(cloud.jobs))
        assert cloud.queries[-1]["PageSize"] == "100"

    asyncio.run(reading())


@pytest.mark.parametrize("error", [TransportError("lost", sent=True), ThrottledError("X", 400, "Throttling", "slow")])
def test_an_outage_says_nothing_about_the_size_of_pages(error: PAIError) -> None:
    async def reading() -> None:
        cloud = ManyJobs(300)

        def down(_: Call[Any]) -> None:
            raise error

        cloud.trouble = down
        with pytest.raises(type(error)):
            await Reader(cloud).read(set(cloud.jobs))
        assert cloud.calls == {"ListTrainingJobs": 1}

    asyncio.run(reading())


def test_pages_end_where_asking_for_each_is_cheaper() -> None:
    async def reading() -> None:
        cloud = ManyJobs(2000)
        jobs = list(cloud.jobs)
        old, new = set(jobs[:6]), set(jobs[-150:])
        assert await Reader(cloud).read(old | new) == old
        # Two pages hold the new ones; four more were asked for at the same time, at most.
        assert cloud.calls["ListTrainingJobs"] <= 6

    asyncio.run(reading())


def test_jobs_created_between_two_pages_hide_none_that_is_waited_for() -> None:
    async def reading() -> None:
        cloud = ManyJobs(500)
        wanted = set(cloud.jobs)

        def create(call: Call[Any]) -> None:
            if call.query["PageNumber"] != "1":
                cloud.add(*(f"new{len(cloud.jobs)}-{number}" for number in range(7)))

        cloud.trouble = create
        missing = await Reader(cloud).read(wanted)
        # Each page after the first pushes as many into the next one; pages are read in any order.
        assert len(missing) <= 2 * 7 * (cloud.calls["ListTrainingJobs"] - 1)

    asyncio.run(reading())


def test_a_window_and_labels_narrow_the_list() -> None:
    async def reading() -> None:
        cloud = ManyJobs(500, labels={"airflow.deployment": "here"})
        narrow = ListFilter(
            BEGIN + timedelta(seconds=100), BEGIN + timedelta(seconds=149), {"airflow.deployment": "here"}
        )
        reader = Reader(cloud)
        await reader.read({"train120"}, narrow)
        assert reader.met == [f"train{number}" for number in range(149, 99, -1)]
        assert cloud.calls == {"ListTrainingJobs": 1}

    asyncio.run(reading())


def test_a_filter_that_finds_nothing_is_not_used_again() -> None:
    async def reading() -> None:
        cloud = ManyJobs(20)
        reader = Reader(cloud)
        filtered = ListFilter(BEGIN, labels={"airflow.deployment": "here"})
        assert await reader.read(set(cloud.jobs), filtered) == set(cloud.jobs)
        assert await reader.read(set(cloud.jobs), filtered) == set()
        assert ["Labels" in query for query in cloud.queries] == [True, False]

    asyncio.run(reading())


def test_a_page_that_fails_ends_the_reading_and_forgets_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def reading() -> None:
        cloud = ManyJobs(1000)

        def down(call: Call[Any]) -> None:
            if call.query["PageNumber"] != "1":
                raise TransportError("lost", sent=True)

        cloud.trouble = down
        with pytest.raises(TransportError):
            await Reader(cloud).read(set(cloud.jobs))

    with caplog.at_level(logging.ERROR):
        asyncio.run(reading())
    assert caplog.records == []


@pytest.mark.parametrize("asked_for", [None, 3.0])
def test_a_throttled_page_is_asked_for_again_after_a_while_and_no_other_is_read_twice(asked_for: float | None) -> None:
    async def reading() -> None:
        cloud, throttled = ManyJobs(1000), ["3", "3", "7"]

        def slow(call: Call[Any]) -> None:
            if call.query["PageNumber"] in throttled:
                throttled.remove(call.query["PageNumber"])
                raise ThrottledError("ListTrainingJobs", 429, "Throttling", "slow down", retry_after=asked_for)

        cloud.trouble = slow
        reader = Reader(cloud)
        assert await reader.read(set(cloud.jobs)) == set()
        assert reader.met == list(cloud.jobs)[::-1]
        assert cloud.calls == {"ListTrainingJobs": 10 + 3}
        assert reader.pauses == ([asked_for] * 3 if asked_for else [1.0, 2.0, 1.0])

    asyncio.run(reading())


def test_a_service_that_keeps_throttling_is_left_alone() -> None:
    async def reading() -> None:
        cloud = ManyJobs(1000)

        def slow(call: Call[Any]) -> None:
            if call.query["PageNumber"] == "5":
                raise ThrottledError("ListTrainingJobs", 429, "Throttling", "slow down")

        cloud.trouble = slow
        reader = Reader(cloud)
        with pytest.raises(ThrottledError):
            await reader.read(set(cloud.jobs))
        assert len(reader.met) == 400
        assert reader.pauses == [1.0, 2.0, 4.0, 8.0]

    asyncio.run(reading())


def test_after_throttling_pages_are_asked_for_one_by_one() -> None:
    async def reading() -> None:
        cloud, under_way, most = ManyJobs(1000), 0, 0
        throttled = ["2"]

        def slow(call: Call[Any]) -> None:
            if call.query["PageNumber"] in throttled:
                throttled.clear()
                raise ThrottledError("ListTrainingJobs", 429, "Throttling", "slow down")

        cloud.trouble = slow
        loop = asyncio.get_running_loop()

        async def counted(call: Call[ListedPage]) -> ListedPage:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way) if int(call.query["PageNumber"]) > 6 else most
            try:
                return await loop.run_in_executor(None, cloud.send, call)
            finally:
                under_way -= 1

        async def no_pause(_: float) -> None:
            await asyncio.sleep(0)

        async def met(jobs: Sequence[ListedJob], _: int) -> int:
            return 1000

        await JobLister("12345", lambda call: asyncio.ensure_future(counted(call)), no_pause).read(ALL, 1000, met)
        assert most == 1

    asyncio.run(reading())


@pytest.mark.parametrize("largest", [None, 40])
@pytest.mark.parametrize("refused", ["Labels", "EndTime"])
def test_a_service_that_refuses_a_filter_is_asked_without_it_from_then_on(
    refused: str, largest: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def reading() -> None:
        cloud = ManyJobs(30, labels={"airflow.deployment": "here"})
        cloud.refused = largest

        def picky(call: Call[Any]) -> None:
            if refused in call.query:
                raise APIError("ListTrainingJobs", 400, "InvalidParameter", f"{refused} is not allowed")

        cloud.trouble = picky
        reader = Reader(cloud)
        narrow = ListFilter(BEGIN, BEGIN + timedelta(seconds=500), {"airflow.deployment": "here"})
        assert await reader.read(set(cloud.jobs), narrow) == set()
        before = cloud.calls.total()
        assert await reader.read(set(cloud.jobs), narrow) == set()
        assert cloud.calls.total() == before + (2 if largest else 1)

    with caplog.at_level(logging.WARNING):
        asyncio.run(reading())
    (record,) = caplog.records
    assert f"{refused} is not allowed" in record.getMessage()


def test_a_service_that_refuses_every_list_is_asked_once_a_cycle_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def reading() -> None:
        cloud = ManyJobs(30)
        cloud.refused = 0
        reader = Reader(cloud)
        narrow = ListFilter(BEGIN, None, {"airflow.deployment": "here"})
        calls = []
        for _ in range(3):
            before = cloud.calls.total()
            with pytest.raises(APIError):
                await reader.read(set(cloud.jobs), narrow)
            calls.append(cloud.calls.total() - before)
        assert calls[1:] == [1, 1]
        # It may come to its senses.
        cloud.refused = None
        assert await reader.read(set(cloud.jobs)) == set()
        assert cloud.queries[-1]["PageSize"] == "100"

    with caplog.at_level(logging.WARNING):
        asyncio.run(reading())
    assert len(caplog.records) == 1
