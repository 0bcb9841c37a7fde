from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.local.clock import Clock
from airflow_provider_pai.local.keys import KeyRing, TemporaryKey, TokenProblem
from airflow_provider_pai.local.records import Records

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OWN = KeyPair("LTAI-own", "not-a-real-secret")
ROLE = "acs:ram::1000000000000001:role/trainer"
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(lambda: NOW)


@pytest.fixture
def ring(clock: Clock) -> KeyRing:
    return KeyRing(OWN, clock.now)


@pytest.fixture
def key(ring: KeyRing) -> TemporaryKey:
    return ring.issue(ROLE, "airflow", HOUR)


def test_the_own_key_needs_no_token(ring: KeyRing) -> None:
    assert ring.secret_of("LTAI-own") == "not-a-real-secret"
    assert ring.token_problem("LTAI-own", "") is None
    assert ring.temporary("LTAI-own") is None


def test_an_unknown_key_has_no_secret(ring: KeyRing) -> None:
    assert ring.secret_of("LTAI-other") is None


def test_a_temporary_key_is_good_with_its_token_until_it_ends(ring: KeyRing, key: TemporaryKey, clock: Clock) -> None:
    assert ring.secret_of(key.access_key_id) == key.access_key_secret
    assert key.expires == NOW + HOUR
    clock.move_to(HOUR - timedelta(seconds=1))
    assert ring.token_problem(key.access_key_id, key.security_token) is None
    clock.move_to(HOUR)
    assert ring.token_problem(key.access_key_id, key.security_token) is TokenProblem.EXPIRED


def test_a_bad_token_is_missing_unknown_or_mismatched(ring: KeyRing, key: TemporaryKey) -> None:
    other = ring.issue(ROLE, "other", HOUR)
    assert ring.token_problem(key.access_key_id, "") is TokenProblem.MISSING
    assert ring.token_problem(key.access_key_id, "made up") is TokenProblem.UNKNOWN
    assert ring.token_problem(key.access_key_id, other.security_token) is TokenProblem.MISMATCHED
    assert ring.token_problem("LTAI-own", key.security_token) is TokenProblem.MISMATCHED
    assert ring.token_problem("LTAI-own", "made up") is TokenProblem.UNKNOWN


def test_no_two_keys_are_alike(ring: KeyRing) -> None:
    keys = [ring.issue(ROLE, "airflow", HOUR) for _ in range(3)]
    for member in ("access_key_id", "access_key_secret", "security_token"):
        assert len({getattr(key, member) for key in keys}) == 3


def test_a_key_shows_no_secret(key: TemporaryKey) -> None:
    assert key.access_key_secret not in repr(key)
    assert key.security_token not in repr(key)


def test_keys_are_kept_and_come_back(clock: Clock, tmp_path: Path) -> None:
    table = Records(tmp_path).table("keys")
    key = KeyRing(OWN, clock.now, table).issue(ROLE, "airflow", HOUR)
    again = KeyRing(OWN, clock.now, table)
    assert again.temporary(key.access_key_id) == key
    assert again.token_problem(key.access_key_id, key.security_token) is None


def test_a_key_is_forgotten_a_day_after_its_end(ring: KeyRing, key: TemporaryKey, clock: Clock) -> None:
    clock.move_to(HOUR + timedelta(hours=23))
    ring.issue(ROLE, "airflow", HOUR)
    assert ring.secret_of(key.access_key_id) == key.access_key_secret
    clock.move_to(HOUR + timedelta(hours=24))
    ring.issue(ROLE, "airflow", HOUR)
    assert ring.secret_of(key.access_key_id) is None


def test_after_a_reset_temporary_keys_are_unknown(ring: KeyRing, key: TemporaryKey) -> None:
    ring.clear()
    assert ring.secret_of(key.access_key_id) is None
    assert ring.secret_of("LTAI-own") == "not-a-real-secret"
