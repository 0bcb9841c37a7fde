"""Rate limiter for API calls: a token bucket that the threads of a poller share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_provider_pai.api.call import Call, T
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import ThrottledError

CALLS_PER_SECOND = 4.5
"""Calls of one poller in the long run [inferred: PAI's own limit is not public; a sibling takes 100 of an account]."""
MOST_SAVED = 600
"""Calls that may be saved up: what 500 jobs that print at once need to be read soon."""
MOST_OWED = 150
"""Calls that may be owed."""
LONGEST_WAIT = 30.0
"""Seconds after which something that can wait is done nevertheless, so that nothing waits for ever."""
_FLOWING = 5
"""Calls that may be saved beside any reserve, so that they can be made at all."""


class RateLimiter:
    """Counts calls. What can't wait takes what it needs, and what can wait gets what is left. Safe to use from threads.

    Args:
        clock: a monotonic clock, in seconds.

    Attributes:
        reserve: calls that are kept for what can't wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.reserve = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(MOST_SAVED)
        self._counted_at = clock()

    def take(self) -> None:
        """Count a call."""
        with self._lock:
            self._left = max(self._now_left() - 1, -MOST_OWED)

    def drain(self) -> None:
        """Give up what was saved: the service wants fewer calls."""
        with self._lock:
            self._left = min(0.0, self._now_left())

    @property
    def left(self) -> int:
        """Calls that may be made now beside the reserve; below 0 when more were made than should be."""
        with self._lock:
            return int(self._now_left()) - self.reserve

    def wait(self) -> float:
        """Return the seconds until a call that can wait may be made."""
        return min(LONGEST_WAIT, max(0, 1 - self.left) / CALLS_PER_SECOND)

    def _now_left(self) -> float:
        now = self._clock()
        # What is saved beside a large reserve would come on top of what is spent of the reserve.
        most = max(self.reserve + _FLOWING, MOST_SAVED - self.reserve)
        self._left = min(most, self._left + (now - self._counted_at) * CALLS_PER_SECOND)
        self._counted_at = now
        return self._left


class RateLimitedSender:
    """A sender that counts its calls.

    Args:
        sender: sends them.
        limiter: counts them.
    """

    def __init__(self, sender: Sender, limiter: RateLimiter) -> None:
        self._sender = sender
        self._limiter = limiter

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        """Send a call and return its value."""
        self._limiter.take()
        try:
            return self._sender.send(call, attempts=attempts)
        except ThrottledError:
            self._limiter.drain()
            raise
