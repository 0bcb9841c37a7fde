"""Who may send requests to a service."""

from __future__ import annotations

import pytest

from airflow_provider_pai.local.serving.admission import admits

TOKEN, PATH = "token-of-a-service", b"/api/predict/score"
SIGNED = [
    (b"content-md5", b"5d41402abc4b2a76b9719d911017c592"),
    (b"content-type", b"application/octet-stream"),
    (b"date", b"Tue, 24 Nov 2026 12:00:00 GMT"),
    # Made by PredictClient.generate_singaure of eas-prediction 0.36 for the body "hello".
    (b"authorization", b"EAS BfoScqtt7p17mckOrx1etRd5Rsg="),
]


@pytest.mark.parametrize("shown", [TOKEN, f"Bearer {TOKEN}"])
def test_who_shows_the_token_is_let_in(shown: str) -> None:
    assert admits(TOKEN, "GET", PATH, [(b"authorization", shown.encode())])


@pytest.mark.parametrize("shown", ["", "Bearer ", "token", f"bearer {TOKEN}", f"{TOKEN} ", f"Basic {TOKEN}", "é"])
def test_who_shows_something_else_is_not(shown: str) -> None:
    assert not admits(TOKEN, "GET", PATH, [(b"authorization", shown.encode())])


def test_who_shows_nothing_is_not_let_in() -> None:
    assert not admits(TOKEN, "GET", PATH, [])


def test_who_signs_as_the_vendors_client_does_is_let_in() -> None:
    assert admits(TOKEN, "POST", PATH, SIGNED)


@pytest.mark.parametrize("name", [name for name, _ in SIGNED])
def test_a_signature_is_for_one_request(name: bytes) -> None:
    changed = [(each, value + b"x" if each == name else value) for each, value in SIGNED]
    assert not admits(TOKEN, "POST", PATH, changed)
    assert not admits(TOKEN, "POST", PATH, [pair for pair in SIGNED if pair[0] != name])


def test_a_signature_is_for_one_service_method_and_token() -> None:
    assert not admits(TOKEN, "POST", b"/api/predict/other", SIGNED)
    assert not admits(TOKEN, "PUT", PATH, SIGNED)
    assert not admits("other", "POST", PATH, SIGNED)
