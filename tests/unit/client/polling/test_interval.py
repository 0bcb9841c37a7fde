from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_pai.client.polling.interval import (
    LONGEST_PAUSE,
    QUICKEST,
    SOLE_LOOK_INTERVAL,
    Backoff,
    polling_interval,
    reading_interval,
    sole_interval,
)
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


def test_looks_of_one_call_stay_frequent_however_long_a_job_is_quiet() -> None:
    assert [polling_interval(30.0, quiet) for quiet in (0.0, 10.0, 50.0, 300.0, 86_400.0)] == [1.0, 1.0, 1.4, 1.4, 1.4]


def test_looks_of_many_calls_grow_rarer_with_quiet_time_up_to_the_limit() -> None:
    quiet_times = (0.0, 20.0, 50.0, 150.0, 86_400.0)
    assert [polling_interval(30.0, quiet, 3) for quiet in quiet_times] == pytest.approx([2.0, 2.0, 4.2, 4.2, 4.2])
    assert [polling_interval(30.0, quiet, 60) for quiet in quiet_times] == [30.0] * 5


@pytest.mark.parametrize("calls", range(1, 101))
def test_in_quiet_one_poller_makes_less_than_a_call_a_second_or_looks_no_oftener_than_promised(calls: int) -> None:
    pause = polling_interval(10.0, 3600.0, calls)
    assert calls / pause < 1 or pause == 10.0


def test_an_hour_of_a_job_costs_a_waiting_worker_half_a_call_a_second_and_its_log_no_more_than_before() -> None:
    def looks(interval: Callable[[float, float], float]) -> int:
        at, number = 0.0, 0
        while at < 3600.0:
            at += interval(10.0, at)
            number += 1
        return number

    assert looks(sole_interval) <= 1.02 * 3600 / SOLE_LOOK_INTERVAL
    assert looks(reading_interval) <= 1.11 * 360


@pytest.mark.parametrize("interval", [polling_interval, sole_interval, reading_interval])
def test_no_pause_of_a_look_is_longer_than_was_promised(interval: Callable[[float, float], float]) -> None:
    assert interval(0.5, 0.0) == interval(0.5, 3600.0) == 0.5


def test_no_pause_is_longer_than_the_interval() -> None:
    assert polling_interval(0.5, 0.0) == 0.5
    assert polling_interval(5.0, 3600.0, calls=100) == 5.0


@pytest.mark.parametrize(("calls", "pause"), [(1, QUICKEST), (6, 4.0), (30, 20.0), (100, 30.0)])
def test_looks_that_are_dear_are_not_made_before_their_time(calls: int, pause: float) -> None:
    assert polling_interval(30.0, 0.0, calls) == pause
