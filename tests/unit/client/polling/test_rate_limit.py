from __future__ import annotations

import pytest

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.polling.rate_limit import (
    CALLS_PER_SECOND,
    LONGEST_WAIT,
    MOST_SAVED,
    RateLimitedSender,
    RateLimiter,
)
from tests.support.many_jobs import ManyJobs


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def spent(calls: int) -> tuple[RateLimiter, Clock]:
    clock = Clock()
    limiter = RateLimiter(clock)
    for _ in range(calls):
        limiter.take()
    return limiter, clock


def test_what_is_saved_up_may_be_spent_at_once() -> None:
    limiter, _ = spent(MOST_SAVED - 1)
    assert limiter.wait() == 0
    limiter.take()
    assert limiter.wait() == 1 / CALLS_PER_SECOND


def test_calls_come_back_at_a_steady_rate_up_to_what_may_be_saved() -> None:
    limiter, clock = spent(MOST_SAVED)
    clock.now = 10.0
    assert limiter.left == int(10 * CALLS_PER_SECOND)
    clock.now = 10_000.0
    assert limiter.left == MOST_SAVED


@pytest.mark.parametrize("calls", [MOST_SAVED + 20, MOST_SAVED * 100])
def test_what_can_wait_waits_for_calls_that_were_owed_but_not_for_ever(calls: int) -> None:
    limiter, _ = spent(calls)
    assert 20 / CALLS_PER_SECOND <= limiter.wait() <= LONGEST_WAIT
    assert limiter.left >= -MOST_SAVED


@pytest.mark.parametrize("reserve", [0, 5, 75, 100, MOST_SAVED])
def test_what_can_wait_is_done_some_time_and_leaves_the_reserve(reserve: int) -> None:
    limiter, clock = spent(MOST_SAVED)
    limiter.reserve = reserve
    assert limiter.wait() > 0
    clock.now += (reserve + 1.5) / CALLS_PER_SECOND
    assert limiter.wait() == 0
    assert limiter.left == 1


@pytest.mark.parametrize("cost", [75, 100, 130])
def test_all_calls_of_half_a_minute_are_few_even_of_thousands_of_jobs(cost: int) -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    limiter.reserve = cost
    clock.now += 3600.0
    for _ in range(cost):
        limiter.take()
    spare = 0
    for _ in range(300):
        clock.now += 0.1
        while not limiter.wait():
            limiter.take()
            spare += 1
    assert spare > 0
    assert cost + spare <= MOST_SAVED


def test_a_metered_sender_counts_and_sends() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    assert RateLimitedSender(ManyJobs(1), limiter).send(get_training_job("train0"), attempts=1).job_id == "train0"
    assert limiter.left == MOST_SAVED - 1
