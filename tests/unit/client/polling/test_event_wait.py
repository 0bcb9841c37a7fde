from __future__ import annotations

import asyncio

import pytest

from airflow_provider_pai.client.polling.event_wait import wait_at_most
from tests.support.virtual_time import run


@pytest.mark.parametrize("seconds", [None, 5.0])
@pytest.mark.parametrize("steps", range(4))
def test_a_cancellation_that_meets_the_event_is_not_lost(seconds: float | None, steps: int) -> None:
    async def work() -> bool:
        event = asyncio.Event()
        waiting = asyncio.create_task(wait_at_most(event, seconds))
        await asyncio.sleep(1)
        event.set()
        for _ in range(steps):
            if waiting.done():
                return True
            await asyncio.sleep(0)
        if waiting.done():
            return True
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert run(work())


def test_the_answer_is_whether_the_event_came_in_time() -> None:
    async def work() -> tuple[bool, bool, bool]:
        event = asyncio.Event()
        late = await wait_at_most(event, 5.0)
        asyncio.get_running_loop().call_later(1, event.set)
        return late, await wait_at_most(event, 5.0), await wait_at_most(event, 0.0)

    assert run(work()) == (False, True, True)
