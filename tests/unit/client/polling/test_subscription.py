from __future__ import annotations

import asyncio

import pytest

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.errors import AuthError, PAIError, TransportError
from airflow_provider_pai.model.training.status import JobSnapshot


def watch(interval: float = 30.0) -> Subscription:
    watched = Subscription("train1", interval, OutagePolicy(lambda *_: None), TaskLog(None, Checkpoint()))
    watched.begin(100.0, 0.2)
    return watched


def job(status: str) -> JobSnapshot:
    return JobSnapshot("train1", status, created="2026-11-24T00:00:00Z")


def test_the_first_look_comes_soon_and_any_round_may_make_it() -> None:
    watched = watch()
    assert (watched.early, watched.due) == (100.0, 100.2)


def test_a_job_that_stays_as_it_is_is_looked_at_ever_more_rarely_up_to_the_interval() -> None:
    watched, pauses, now = watch(), [], 100.0
    for _ in range(20):
        watched.see(job("Running"), now)
        watched.rest(now, 1, 1.0)
        assert now < watched.early < watched.due
        pauses.append(watched.due - now)
        now = watched.due
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (pytest.approx(2.0), pytest.approx(30.0))


def test_a_new_status_makes_looks_frequent_again() -> None:
    watched = watch()
    watched.see(job("Submitted"), 100.0)
    watched.see(job("Running"), 4000.0)
    watched.rest(4000.0, 1, 1.0)
    assert watched.due == pytest.approx(4002.0)


def test_what_is_not_new_is_not_passed_on() -> None:
    watched = watch()
    assert watched.see(job("Running"), 100.0)
    assert not watched.see(job("Running"), 130.0)
    assert watched.see(job("Failed"), 160.0)
    assert watched.ended


def test_a_passing_error_is_borne_and_another_one_is_passed_on() -> None:
    watched = watch()
    watched.fail(TransportError("lost", sent=True))
    assert not watched.ended
    error = AuthError("GetTrainingJob", 403, "Forbidden", "no")
    watched.fail(error)
    assert watched.ended
    assert watched.queue.get_nowait() is error


def test_what_is_passed_on_keeps_its_order() -> None:
    watched = watch()
    for status in ("Creating", "Running"):
        watched.see(job(status), 100.0)
        watched.publish("a line")
    found: list[JobUpdate | PAIError] = [watched.queue.get_nowait() for _ in range(2)]
    assert [each.lines for each in found if isinstance(each, JobUpdate)] == [
        ("Job train1: Creating", "a line"),
        ("Job train1: Running", "a line"),
    ]
    with pytest.raises(asyncio.QueueEmpty):
        watched.queue.get_nowait()
