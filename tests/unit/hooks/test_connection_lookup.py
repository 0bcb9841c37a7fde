from __future__ import annotations

import asyncio

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.hooks.connection_lookup import SHARED_SECONDS, shared_config
from tests.support.virtual_time import run

KEY = ("pai_default", None, None)


class LookUps:
    """Counts look-ups, each of which takes a second."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self._error = error

    async def __call__(self) -> ClientConfig:
        self.count += 1
        await asyncio.sleep(1)
        if self._error:
            raise self._error
        return ClientConfig("cn-hangzhou", "1", KeyPair("id", "secret"))


def test_a_crowd_has_one_look_up() -> None:
    async def work() -> None:
        look_up = LookUps()
        found = await asyncio.gather(*(shared_config(KEY, look_up) for _ in range(500)))
        assert look_up.count == 1
        assert len({id(each) for each in found}) == 1

    run(work())


def test_another_connection_and_a_later_time_have_look_ups_of_their_own() -> None:
    async def work() -> None:
        look_up = LookUps()
        await asyncio.gather(shared_config(KEY, look_up), shared_config(("other", None, None), look_up))
        await asyncio.sleep(SHARED_SECONDS + 1)
        await shared_config(KEY, look_up)
        assert look_up.count == 3
        await asyncio.sleep(SHARED_SECONDS + 1)

    run(work())


def test_a_cancelled_caller_does_not_end_the_lookup_of_the_others() -> None:
    async def work() -> None:
        look_up = LookUps()
        first, second = (asyncio.ensure_future(shared_config(KEY, look_up)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await second).region_id == "cn-hangzhou"
        assert look_up.count == 1

    run(work())


def test_an_error_is_raised_to_all_who_wait_and_not_kept() -> None:
    async def work() -> None:
        look_up = LookUps(LookupError("no"))
        found = await asyncio.gather(*(shared_config(KEY, look_up) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, LookupError) for each in found)
        await asyncio.sleep(0.1)
        with pytest.raises(LookupError):
            await shared_config(KEY, look_up)
        assert look_up.count == 2

    run(work())
