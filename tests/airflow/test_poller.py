"""The shared poller against local PAI: many waits, few calls, no job forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Any

import pytest

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.polling.registry import subscribe
from airflow_provider_pai.errors import AuthError, TransportError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.attempt import Attempt, training

log = logging.getLogger(__name__)


def submit(command: str) -> str:
    value = training(command=command, wait_for_completion=False).execute(Attempt().context)
    return str(value["job_id"])


async def last(config: Any, job_id: str, lines: Callable[[str], None] = log.info, **options: Any) -> JobSnapshot:
    """Show what a subscription has of a job, and then what the worker does."""
    checkpoint = options.setdefault("checkpoint", Checkpoint())
    arguments: dict[str, Any] = {"interval": 0.3, "warn": log.warning, "outage_limit": 60.0, **options}
    async for progress in subscribe(config, job_id, **arguments):
        for line in progress.lines:
            lines(line)
    if options.get("logs", True):
        hook = PAITrainingHook()
        await asyncio.to_thread(hook.wait, job_id, interval=0.3, show=_each(lines), shown=checkpoint.cursor.to_json())
    return progress.snapshot


def _each(show: Callable[[str], None]) -> Callable[[Iterable[str]], None]:
    def show_all(lines: Iterable[str]) -> None:
        for line in lines:
            show(line)

    return show_all


def left_over() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def test_every_watch_gets_its_own_job_and_nothing_is_left_running(pai: LocalPAI) -> None:
    config = PAITrainingHook().config
    jobs = {submit(f"echo mine is {n}"): n for n in range(12)}

    async def all_of_them() -> None:
        seen: dict[str, list[str]] = {job_id: [] for job_id in jobs}
        ended = await asyncio.gather(*(last(config, job_id, seen[job_id].append) for job_id in jobs))
        assert [job.job_id for job in ended] == list(jobs)
        assert all(job.is_success for job in ended)
        for job_id, number in jobs.items():
            assert [line for line in seen[job_id] if line.startswith("mine")] == [f"mine is {number}"]
        assert left_over() == []

    asyncio.run(all_of_them())


def test_many_subscriptions_cost_one_list_a_poll_cycle(pai: LocalPAI) -> None:
    hook = PAITrainingHook()
    jobs = [submit("sleep 600") for _ in range(8)]
    pai.faults.reset_counts()

    async def for_a_while() -> None:
        watches = [asyncio.create_task(last(hook.config, job_id, logs=False)) for job_id in jobs]
        while pai.faults.counts().get("ListTrainingJobs", 0) < 3:
            await asyncio.sleep(0.05)
        for each in watches:
            each.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    asyncio.run(for_a_while())
    counts = pai.faults.counts()
    assert "GetTrainingJob" not in counts
    for job_id in jobs:
        hook.stop(job_id)


def test_a_watch_that_is_cancelled_leaves_the_others_alone(pai: LocalPAI) -> None:
    config = PAITrainingHook().config
    kept, dropped = submit("sleep 2"), submit("sleep 600")

    async def both() -> None:
        unwanted = asyncio.create_task(last(config, dropped))
        wanted = asyncio.create_task(last(config, kept))
        await asyncio.sleep(0.5)
        unwanted.cancel()
        assert (await wanted).is_success
        with pytest.raises(asyncio.CancelledError):
            await unwanted
        assert left_over() == []

    asyncio.run(both())
    PAITrainingHook().stop(dropped)


def test_an_outage_is_borne_and_then_given_up(pai: LocalPAI) -> None:
    config = PAITrainingHook().config
    job_id = submit("sleep 600")
    pai.faults.add(Fault("GetTrainingJob", FaultKind.DROP_BEFORE, times=1000))
    with pytest.raises(TransportError):
        asyncio.run(last(config, job_id, outage_limit=1.0))
    pai.faults.clear()
    PAITrainingHook().stop(job_id)


def test_refused_credentials_end_the_wait_at_once(pai: LocalPAI) -> None:
    config = PAITrainingHook().config
    job_id = submit("sleep 600")
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, status=403, code="Forbidden.RAM"))
    with pytest.raises(AuthError):
        asyncio.run(last(config, job_id))
    PAITrainingHook().stop(job_id)


def test_the_place_in_the_log_is_kept_while_a_job_talks(pai: LocalPAI) -> None:
    config = PAITrainingHook().config
    job_id = submit("for i in $(seq 1 100); do echo line $i; sleep 0.02; done")
    # A clock on which a long time passes between any two looks.
    checkpoint = Checkpoint(1, clock=partial(next, count(step=1000.0)))
    shown: list[str] = []
    asyncio.run(last(config, job_id, shown.append, checkpoint=checkpoint))
    kept = LogCursor.from_labels(PAITrainingHook().get(job_id).labels, 1)
    assert pai.faults.counts()["UpdateTrainingJobLabels"] > 1
    lines = [line for line in shown if not line.startswith("Job train")]
    assert 0 < kept.lines[""] <= checkpoint.cursor.lines[""] <= len(lines)
    assert checkpoint.cursor.statuses == 5
