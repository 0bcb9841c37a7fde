"""Waiting for something that another process does, with an end and with words for what was seen last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE = 180.0
"""Seconds for what a busy machine may delay."""


class WaitTimeoutError(TimeoutError):
    """What was waited for did not come in time; the message says what was seen last."""


def wait_for(
    look: Callable[[], T], good: Callable[[T], bool], what: str, *, timeout: float = PATIENCE, interval: float = 0.2
) -> T:
    """Look again and again until what is seen is good, and return it.

    Args:
        look: returns what is to be seen now; what it raises ends the waiting.
        good: whether that is what was waited for.
        what: the thing waited for, in the words of the error message.
        timeout: seconds to wait at most, so that there is an end; there is one look in any case.
        interval: seconds between two looks.

    Raises:
        WaitTimeoutError: it was not seen in time.
    """
    deadline = time.monotonic() + timeout
    while not good(seen := look()):
        if time.monotonic() >= deadline:
            raise WaitTimeoutError(f"waited {timeout:g} s for {what}; last seen: {seen!r}")
        time.sleep(interval)
    return seen
