from __future__ import annotations

import pytest

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.errors import AuthError, TransportError
from airflow_provider_pai.model.training.status import JobSnapshot


def new_subscription(interval: float = 30.0) -> Subscription:
    subscription = Subscription("train1", interval, OutagePolicy(lambda *_: None), TaskLog(None, Checkpoint()))
    subscription.start(100.0, 0.2)
    return subscription


def job(status: str) -> JobSnapshot:
    return JobSnapshot("train1", status, created="2026-11-24T00:00:00Z")


def test_the_first_look_comes_soon_and_any_cycle_may_make_it() -> None:
    subscription = new_subscription()
    assert (subscription.early, subscription.due) == (100.0, 100.2)


def test_an_unchanged_job_that_is_dear_to_see_is_polled_ever_more_rarely_up_to_the_interval() -> None:
    subscription, pauses, now = new_subscription(), [], 100.0
    for _ in range(80):
        subscription.observe(job("Running"), now)
        subscription.schedule(now, 30, 1.0)
        assert now < subscription.early < subscription.due
        pauses.append(round(subscription.due - now, 6))
        now = subscription.due
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (pytest.approx(20.0), pytest.approx(30.0))


def test_a_new_status_makes_looks_frequent_again() -> None:
    subscription = new_subscription()
    subscription.observe(job("Submitted"), 100.0)
    subscription.observe(job("Running"), 4000.0)
    subscription.schedule(4000.0, 1, 1.0)
    assert subscription.due == pytest.approx(4001.0)


def test_what_is_not_new_is_not_passed_on() -> None:
    subscription = new_subscription()
    assert subscription.observe(job("Running"), 100.0)
    assert not subscription.observe(job("Running"), 130.0)
    assert subscription.observe(job("Failed"), 160.0)
    assert subscription.ended


def test_a_passing_error_is_borne_and_another_one_is_passed_on() -> None:
    subscription = new_subscription()
    subscription.record_error(TransportError("lost", sent=True))
    assert not subscription.ended
    error = AuthError("GetTrainingJob", 403, "Forbidden", "no")
    subscription.record_error(error)
    assert subscription.ended
    assert subscription.updates.take_all() == [error]


def test_what_is_passed_on_keeps_its_order() -> None:
    subscription = new_subscription()
    for status in ("Creating", "Running"):
        subscription.observe(job(status), 100.0)
        subscription.publish("a line")
    found = subscription.updates.take_all()
    assert [each.lines for each in found if isinstance(each, JobUpdate)] == [
        ("Job train1: Creating", "a line"),
        ("Job train1: Running", "a line"),
    ]
