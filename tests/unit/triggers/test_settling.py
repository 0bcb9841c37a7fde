from __future__ import annotations

import asyncio
import signal

import pytest

from airflow_provider_pai.triggers.settling import SETTLE_SECONDS, is_inline, settle
from tests.support.virtual_time import run


@pytest.mark.parametrize(("took", "waits"), [(0.0, 5.0), (3.5, 1.5), (5.0, 0.0), (60.0, 0.0)])
def test_a_trigger_fires_no_sooner_than_some_seconds_after_its_beginning(
    monkeypatch: pytest.MonkeyPatch, took: float, waits: float
) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__DEFERRAL_SETTLE_TIME", "5")

    async def fired() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(took)
        await settle(begun)
        return loop.time() - begun

    async def work() -> float:
        # In a triggerer a trigger is never the main task.
        return await asyncio.create_task(fired())

    assert run(work()) == pytest.approx(took + waits, abs=0.01)


def test_in_dag_test_there_is_no_scheduler_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__DEFERRAL_SETTLE_TIME", "600")

    async def work() -> None:
        assert is_inline()
        await settle(asyncio.get_running_loop().time())

    # Tests that a shell starts in the background have it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(work())
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_option_that_can_not_be_read_keeps_no_trigger_from_firing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__PAI__DEFERRAL_SETTLE_TIME", "soon")

    async def fired() -> float:
        begun = asyncio.get_running_loop().time()
        await settle(begun)
        return asyncio.get_running_loop().time() - begun

    async def work() -> float:
        return await asyncio.create_task(fired())

    assert run(work()) == pytest.approx(SETTLE_SECONDS, abs=0.01)
    assert "[pai] deferral_settle_time must be a number of seconds" in caplog.text
