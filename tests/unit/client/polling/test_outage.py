from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT, UNSEEN_LIMIT, OutagePolicy
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    NotFoundError,
    PAIError,
    ProtocolError,
    ServerError,
    ThrottledError,
    TransportError,
)

TRANSPORT = TransportError("no answer from pai.cn-hangzhou.aliyuncs.com", sent=True)
THROTTLED = ThrottledError("GetTrainingJob", 400, "Throttling.User", "slow down")
SERVER = ServerError("GetTrainingJob", 503, "ServiceUnavailable", "later")
UNREADABLE = ProtocolError("GetTrainingJob: the answer is not JSON", "<html>")
UNKNOWN = NotFoundError("GetTrainingJob", 404, "TrainingJobNotFound", "no such job")
CLOCK = APIError("GetTrainingJob", 400, "InvalidTimeStamp.Expired", "expired")
"""This machine's clock has stepped; the client signs the next call with the service's time."""
PASSING = pytest.mark.parametrize(
    "error", [TRANSPORT, THROTTLED, SERVER, UNREADABLE, CLOCK], ids=lambda error: type(error).__name__
)


class Clock:
    """A clock that is moved by hand, and everything that was warned of."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.warnings: list[str] = []

    def warn(self, text: str, *values: Any) -> None:
        self.warnings.append(text % values)

    def policy(self, limit: float = OUTAGE_LIMIT) -> OutagePolicy:
        return OutagePolicy(self.warn, limit, clock=lambda: self.now)


def outlasts(policy: OutagePolicy, clock: Clock, error: PAIError, seconds: float, step: float = 10.0) -> bool:
    """Whether an error that lasts so long is borne, asking every few seconds from now on."""
    end = clock.now + seconds
    while clock.now <= end:
        try:
            policy.record_error(error)
        except PAIError as raised:
            return raised is not error
        clock.now += step
    return True


@PASSING
def test_a_passing_error_is_borne_until_the_limit(error: PAIError) -> None:
    clock = Clock()
    assert outlasts(clock.policy(3600), clock, error, 3590)
    clock = Clock()
    assert not outlasts(clock.policy(3600), clock, error, 3600)


@PASSING
def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(error: PAIError) -> None:
    clock = Clock()
    policy = clock.policy()
    assert outlasts(policy, clock, error, 90)
    policy.record_answer()
    policy.record_answer()
    assert [warning.split(" (")[0] for warning in clock.warnings] == [
        "PAI gives no usable answer",
        "PAI answers again after 100 s",
    ]
    assert str(error) in clock.warnings[0]


def test_good_answers_alone_are_not_logged() -> None:
    clock = Clock()
    clock.policy().record_answer()
    assert clock.warnings == []


def test_a_good_answer_gives_the_whole_time_again() -> None:
    clock = Clock()
    policy = clock.policy(100)
    for _ in range(5):
        assert outlasts(policy, clock, TRANSPORT, 80)
        policy.record_answer()
    assert len(clock.warnings) == 10


def test_passing_errors_of_several_kinds_are_one_outage() -> None:
    clock = Clock()
    policy = clock.policy(100)
    assert outlasts(policy, clock, TRANSPORT, 40)
    assert outlasts(policy, clock, SERVER, 40)
    assert not outlasts(policy, clock, THROTTLED, 40)
    assert len(clock.warnings) == 1


def test_a_job_may_be_unknown_for_a_minute() -> None:
    clock = Clock()
    assert outlasts(clock.policy(), clock, UNKNOWN, UNSEEN_LIMIT - 10)
    clock = Clock()
    assert not outlasts(clock.policy(), clock, UNKNOWN, UNSEEN_LIMIT)


def test_a_short_limit_holds_for_an_unknown_job_too() -> None:
    clock = Clock()
    assert not outlasts(clock.policy(20), clock, UNKNOWN, 20)


def test_a_job_that_is_unknown_after_a_long_outage_still_has_its_minute() -> None:
    clock = Clock()
    policy = clock.policy()
    assert outlasts(policy, clock, TRANSPORT, 1800)
    assert outlasts(policy, clock, UNKNOWN, UNSEEN_LIMIT - 10)
    assert not outlasts(policy, clock, UNKNOWN, 20)


def test_an_unknown_job_does_not_give_an_outage_more_time() -> None:
    clock = Clock()
    policy = clock.policy(100)
    assert outlasts(policy, clock, TRANSPORT, 80)
    policy.record_error(UNKNOWN)
    assert not outlasts(policy, clock, TRANSPORT, 20)


@pytest.mark.parametrize(
    "error",
    [
        AuthError("GetTrainingJob", 403, "Forbidden", "no"),
        ConflictError("GetTrainingJob", 409, "X", "no"),
        APIError("GetTrainingJob", 400, "InvalidParameter", "no"),
        PAIError("something else"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_stays_is_raised_at_once_and_not_announced(error: PAIError) -> None:
    clock = Clock()
    with pytest.raises(type(error)) as caught:
        clock.policy().record_error(error)
    assert caught.value is error
    assert clock.warnings == []


def test_an_error_that_stays_is_raised_in_an_outage_too() -> None:
    clock = Clock()
    policy = clock.policy()
    policy.record_error(TRANSPORT)
    with pytest.raises(AuthError):
        policy.record_error(AuthError("GetTrainingJob", 403, "Forbidden", "no"))


def test_without_patience_the_first_error_is_raised() -> None:
    with pytest.raises(TransportError):
        Clock().policy(0).record_error(TRANSPORT)
