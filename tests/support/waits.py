"""How tests wait: for the very thing that they assert next, as long as a busy machine may need.

A deadline here never says how quick something must be. Where a test is about not waiting for something, that thing
takes longer than :data:`PATIENCE`: a test that waited for it would fail, and one that does not is quick on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from devtools.waits import PATIENCE

LONGER = 600
"""Seconds that a thing takes which a test must not wait for."""


def wait_until(condition: Callable[[], object], account: Callable[[], str] = str) -> None:
    """Wait until something holds.

    Args:
        condition: looked at again and again.
        account: returns what is known, for the message when it does not happen.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen in {PATIENCE:g} s: {account()}"
        time.sleep(0.02)


class PassingTime:
    """The clocks of what is tested: they run as all do, and a test may let time pass at once.

    So a test need not choose a limit that is short enough to wait for and long enough for a busy machine.
    """

    def __init__(self) -> None:
        self._passed = self._step = 0.0

    def let_pass(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._passed += seconds

    def rush(self) -> None:
        """Let so much time pass whenever it is read that nothing is waited for any more."""
        self._step = LONGER

    def monotonic(self) -> float:
        self._passed += self._step
        return time.monotonic() + self._passed

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._passed)
