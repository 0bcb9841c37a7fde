from __future__ import annotations

import asyncio

from airflow_provider_pai.client.polling.mailbox import Mailbox
from airflow_provider_pai.client.polling.turnstile import take_turn
from tests.support.virtual_time import run


def test_what_is_put_is_got_in_order_by_a_reader_that_waits_and_by_one_that_comes_later() -> None:
    async def work() -> None:
        mailbox: Mailbox[int] = Mailbox()
        reading = asyncio.ensure_future(mailbox.get())
        await asyncio.sleep(1)
        mailbox.put(1)
        mailbox.put(2)
        assert [await reading, await mailbox.get()] == [1, 2]
        assert len(mailbox) == 0

    run(work())


def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    async def work() -> None:
        mailbox: Mailbox[int] = Mailbox()
        reading = asyncio.ensure_future(mailbox.get())
        await asyncio.sleep(1)
        mailbox.put(1)
        reading.cancel()
        await asyncio.wait([reading])
        assert await mailbox.get() == 1

    run(work())


def test_a_crowd_that_starts_at_once_leaves_others_their_turn_between_any_two() -> None:
    async def work() -> None:
        came: list[int] = []
        others = 0

        async def start(number: int) -> None:
            await take_turn()
            came.append(others)

        crowd = [asyncio.ensure_future(start(number)) for number in range(50)]
        while len(came) < 50:
            await asyncio.sleep(0)
            others += 1
        assert len(set(came)) == 50
        await asyncio.gather(*crowd)

    run(work())
