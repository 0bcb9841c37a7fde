"""Key pairs are asked for ahead of their expiry, once for everybody, and again when they are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.credentials.provider import (
    LookedUpCredentials,
    RefreshingCredentials,
    StaticCredentials,
    TemporaryCredentials,
    with_credentials,
)
from airflow_provider_pai.client.credentials.sources import AssumedRole, CredentialsUri, DefaultChain, EcsRole, OidcRole
from airflow_provider_pai.errors import AuthError, CredentialsError, PAIError, TransportError

START = 1_000_000.0
EXPIRED = AuthError("GetTrainingJob", 400, "InvalidSecurityToken.Expired", "it is over")
HICCUP = TransportError("no answer", sent=False)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


class Source:
    """Hands out numbered key pairs, or fails when asked to."""

    def __init__(self, clock: Clock, life: float | None = 3600.0) -> None:
        self.clock = clock
        self.life = life
        self.asked = 0
        self.failure: PAIError | None = None

    def __call__(self) -> TemporaryCredentials:
        self.asked += 1
        if self.failure:
            raise self.failure
        return TemporaryCredentials(pair(self.asked), None if self.life is None else self.clock.time + self.life)


def pair(number: int) -> KeyPair:
    return KeyPair(f"id-{number}", "hunter2", f"token-{number}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def keys(source: Source, clock: Clock) -> RefreshingCredentials:
    return RefreshingCredentials(source, clock)


@pytest.mark.parametrize(
    ("life", "good_for"),
    [(3600.0, 2700.0), (43_200.0, 42_300.0), (900.0, 675.0), (60.0, 45.0), (None, 300.0)],
)
def test_keys_are_asked_for_anew_ahead_of_their_expiry_and_no_sooner(
    keys: RefreshingCredentials, source: Source, clock: Clock, life: float | None, good_for: float
) -> None:
    source.life = life
    assert keys.current() == pair(1)
    clock.time = START + good_for - 1
    assert keys.current() == pair(1)
    clock.time = START + good_for
    assert keys.current() == pair(2)
    assert source.asked == 2


def test_a_clock_that_is_ahead_does_not_ask_for_each_signature(
    keys: RefreshingCredentials, source: Source, clock: Clock
) -> None:
    source.life = -7200.0
    for _ in range(10):
        assert keys.current() == pair(1)
        clock.time += 0.9
    clock.time += 2
    assert keys.current() == pair(2)


def test_a_failed_refresh_does_no_harm_while_there_are_keys(
    keys: RefreshingCredentials, source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys.current()
    source.failure = HICCUP
    clock.time += 3000
    with caplog.at_level(logging.WARNING):
        assert [keys.current() for _ in range(3)] == [pair(1)] * 3
    assert (source.asked, len(caplog.records)) == (2, 1)
    clock.time += 30
    assert keys.current() == pair(1)
    assert source.asked == 3
    source.failure = None
    clock.time += 30
    assert keys.current() == pair(4)


def test_a_failed_refresh_is_raised_once_the_service_has_refused_the_keys(
    keys: RefreshingCredentials, source: Source, clock: Clock
) -> None:
    first = keys.current()
    source.failure = HICCUP
    clock.time += 3600
    assert keys.current() == first, "the clock here may be wrong"
    with pytest.raises(TransportError):
        keys.renew(first)


def test_everybody_who_waits_for_a_failing_service_gets_the_one_failure(
    keys: RefreshingCredentials, source: Source, clock: Clock
) -> None:
    source.failure = CredentialsError("AssumeRole", 404, "EntityNotExist.Role", "no such role", check="role_arn")
    for _ in range(5):
        with pytest.raises(CredentialsError):
            keys.current()
    assert source.asked == 1
    clock.time += 1
    source.failure = None
    assert keys.current() == pair(2)


def test_refused_keys_are_replaced_at_once(keys: RefreshingCredentials, source: Source) -> None:
    first = keys.current()
    assert keys.renew(first) == pair(2)
    assert keys.current() == pair(2)
    assert source.asked == 2


def test_keys_that_were_renewed_already_are_not_renewed_again(keys: RefreshingCredentials, source: Source) -> None:
    first = keys.current()
    keys.renew(first)
    assert keys.renew(first) == pair(2)
    assert source.asked == 2


def test_refused_keys_are_never_used_again_even_if_no_others_can_be_had(
    keys: RefreshingCredentials, source: Source, clock: Clock
) -> None:
    first = keys.current()
    source.failure = HICCUP
    with pytest.raises(TransportError):
        keys.renew(first)
    clock.time += 1
    with pytest.raises(TransportError):
        keys.current()
    source.failure = None
    clock.time += 1
    assert keys.current() != first


def test_a_token_is_looked_up_again_when_it_was_refused_and_only_then() -> None:
    looked: list[int] = []

    def look_up() -> KeyPair:
        looked.append(1)
        return pair(2)

    keys = LookedUpCredentials(pair(1), look_up)
    assert keys.current() == pair(1)
    assert looked == []
    assert [keys.renew(pair(1)), keys.renew(pair(1)), keys.current()] == [pair(2)] * 3
    assert looked == [1]


def worker(*failures: PAIError | None) -> tuple[Callable[[KeyPair], KeyPair], list[KeyPair]]:
    left, used = list(failures), list[KeyPair]()

    def work(keys: KeyPair) -> KeyPair:
        used.append(keys)
        if failure := left.pop(0):
            raise failure
        return keys

    return work, used


def test_what_was_refused_as_expired_is_done_once_more_with_other_keys(keys: RefreshingCredentials) -> None:
    work, used = worker(EXPIRED, None)
    assert with_credentials(keys, work) == pair(2)
    assert used == [pair(1), pair(2)]


@pytest.mark.parametrize("code", ["InvalidSecurityToken.Expired", "SecurityTokenExpired", "InvalidSecurityToken"])
def test_the_gateways_and_osss_words_for_expired_are_known(keys: RefreshingCredentials, code: str) -> None:
    work, used = worker(AuthError("any", 403, code, "message"), None)
    with_credentials(keys, work)
    assert len(used) == 2


def test_a_second_refusal_is_raised(keys: RefreshingCredentials) -> None:
    work, used = worker(EXPIRED, EXPIRED, None)
    with pytest.raises(AuthError):
        with_credentials(keys, work)
    assert len(used) == 2


def test_keys_that_can_not_be_replaced_are_tried_once() -> None:
    work, used = worker(EXPIRED, None)
    with pytest.raises(AuthError):
        with_credentials(StaticCredentials(pair(1)), work)
    assert len(used) == 1


@pytest.mark.parametrize("error", [AuthError("any", 403, "NoPermission", "message"), HICCUP])
def test_other_errors_are_none_of_the_keys_business(
    keys: RefreshingCredentials, source: Source, error: PAIError
) -> None:
    work, used = worker(error, None)
    with pytest.raises(type(error)):
        with_credentials(keys, work)
    assert (len(used), source.asked) == (1, 1)


def test_one_identity_has_one_pair_of_keys_in_a_process() -> None:
    assert credentials_provider(CredentialsUri("http://localhost/a")) is credentials_provider(
        CredentialsUri("http://localhost/a")
    )
    assert credentials_provider(CredentialsUri("http://localhost/a")) is not credentials_provider(
        CredentialsUri("http://localhost/b")
    )
    assert credentials_provider(pair(1)).current() == pair(1)


@pytest.mark.parametrize(
    "shown",
    [
        pair(1),
        TemporaryCredentials(pair(1), 1.0),
        AssumedRole("acs:ram::1:role/r", KeyPair("id", "hunter2", "token-1"), "https://sts", external_id="hunter2"),
        CredentialsUri("http://localhost/?token=hunter2"),
        OidcRole("https://sts", token_file="/var/run/token"),
        EcsRole(),
        DefaultChain("https://sts"),
        StaticCredentials(pair(1)),
        LookedUpCredentials(pair(1), lambda: pair(2)),
        RefreshingCredentials(lambda: TemporaryCredentials(pair(1), None)),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_no_secret_shows_in_a_repr_and_every_description_is_hashable(shown: object) -> None:
    assert "hunter2" not in f"{shown!r} {shown}"
    assert "token-1" not in f"{shown!r} {shown}"
    assert isinstance(hash(shown), int)
