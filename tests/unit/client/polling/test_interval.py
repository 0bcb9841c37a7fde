from __future__ import annotations

import pytest

from airflow_provider_pai.client.polling.interval import LONGEST_PAUSE, QUICKEST, Backoff, polling_interval
from airflow_provider_pai.errors import ThrottledError, TransportError

LOST = TransportError("no answer", sent=True)


def pauses(backoff: Backoff, interval: float, failures: int) -> list[float]:
    found = []
    for _ in range(failures):
        backoff.record_error(LOST)
        found.append(backoff.pause(interval))
    return found


def test_while_all_is_well_looks_come_at_the_interval() -> None:
    backoff = Backoff()
    backoff.reset()
    assert backoff.pause(10.0) == 10.0


def test_each_failure_doubles_the_longest_pause_up_to_a_minute() -> None:
    assert pauses(Backoff(chance=lambda: 1.0), 10.0, 5) == [20.0, 40.0, 60.0, 60.0, 60.0]


def test_pauses_are_uneven_and_never_shorter_than_the_interval() -> None:
    assert pauses(Backoff(chance=lambda: 0.0), 10.0, 3) == [10.0, 10.0, 10.0]
    assert pauses(Backoff(chance=lambda: 0.5), 10.0, 3) == [15.0, 25.0, 35.0]


def test_an_interval_longer_than_a_minute_stays_as_it_is() -> None:
    assert pauses(Backoff(chance=lambda: 1.0), 300.0, 2) == [300.0, 300.0]


def test_one_good_answer_ends_the_slowness() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    backoff.record_error(LOST)
    backoff.reset()
    assert backoff.pause(10.0) == 10.0


@pytest.mark.parametrize(("asked", "pause"), [(30.0, 30.0), (3600.0, LONGEST_PAUSE), (None, 10.0)])
def test_a_service_that_says_when_to_come_back_is_obeyed_within_reason(asked: float | None, pause: float) -> None:
    backoff = Backoff(chance=lambda: 0.0)
    backoff.record_error(ThrottledError("GetTrainingJob", 400, "Throttling.User", "slow down", retry_after=asked))
    assert backoff.pause(10.0) == pause


def test_an_outage_of_an_hour_is_asked_through_about_once_a_minute() -> None:
    backoff, seconds, looks = Backoff(), 0.0, 0
    while seconds < 3600:
        backoff.record_error(LOST)
        seconds += backoff.pause(10.0)
        looks += 1
    assert 60 <= looks <= 200


def test_the_polling_interval_grows_with_quiet_time_up_to_the_limit() -> None:
    assert [polling_interval(30.0, quiet) for quiet in (0.0, 10.0, 50.0, 150.0, 300.0, 86_400.0)] == [
        1.0,
        1.0,
        5.0,
        15.0,
        30.0,
        30.0,
    ]


def test_an_hour_of_a_job_costs_hardly_more_looks_than_the_interval_alone() -> None:
    at, looks = 0.0, 0
    while at < 3600.0:
        at += polling_interval(10.0, at)
        looks += 1
    assert looks <= 1.11 * 360


def test_no_pause_is_longer_than_the_interval() -> None:
    assert polling_interval(0.5, 0.0) == 0.5
    assert polling_interval(5.0, 3600.0, calls=100) == 5.0


@pytest.mark.parametrize(("calls", "pause"), [(1, QUICKEST), (6, 4.0), (30, 20.0), (100, 30.0)])
def test_looks_that_are_dear_are_not_made_before_their_time(calls: int, pause: float) -> None:
    assert polling_interval(30.0, 0.0, calls) == pause
