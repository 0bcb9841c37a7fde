"""A unit test starts no process, opens no socket and does not sleep: those belong in ``tests/integration``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.io_guard import GUARD

_ON_REAL_TIME = Path(__file__).parent / "client" / "polling"
"""Tests here wait on an event loop's own time until they have a virtual one."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Begin to watch."""
    GUARD.start()
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail what did more than a unit test may."""
    yield
    seen = GUARD.stop()
    if _ON_REAL_TIME in item.path.parents or item.path.stem == "test_poller_in_trouble":
        seen = [act for act in seen if act != "sleeps"]
    if seen:
        pytest.fail(f"a unit test {' and '.join(seen)}: it belongs in tests/integration", pytrace=False)
