"""Key pairs are asked for ahead of their expiry, once for everybody, and again when they are refused."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.provider import (
    RefreshingCredentials,
    TemporaryCredentials,
)


def pair(number: int) -> KeyPair:
    return KeyPair(f"id-{number}", "hunter2", f"token-{number}")


@pytest.mark.parametrize("replace", [False, True])
def test_many_threads_ask_once(replace: bool) -> None:
    asked: list[int] = []

    def slow() -> TemporaryCredentials:
        asked.append(1)
        time.sleep(0.05)
        return TemporaryCredentials(pair(len(asked)), time.time() + 3600)

    keys = RefreshingCredentials(slow)
    first = keys.current() if replace else None
    together = threading.Barrier(8)

    def one(_: int) -> KeyPair:
        together.wait()
        return keys.renew(first) if first else keys.current()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert len(asked) == 1 + replace
