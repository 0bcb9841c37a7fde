"""A unit test starts no process, opens no socket and does not sleep: those belong in ``tests/integration``."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.io_guard import GUARD


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
    if seen:
        pytest.fail(f"a unit test {' and '.join(seen)}: it belongs in tests/integration", pytrace=False)
