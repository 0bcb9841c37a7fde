"""How long polling bears with errors: passing ones for a while, others not at all."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import NotFoundError, PAIError, ProtocolError

OUTAGE_LIMIT = 3600.0
"""Seconds that PAI may be unreachable before waiting for a job is given up."""
UNSEEN_LIMIT = 60.0
"""Seconds that a job may be unknown right after its creation [inferred: reads may lag behind writes]."""


class OutagePolicy:
    """Judges the errors of one job's polling; tells an outage once when it begins and once when it ends.

    Args:
        warn: called as a logger's ``warning``.
        limit: seconds an outage may last.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, warn: Callable[..., None], limit: float = OUTAGE_LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._warn = warn
        self._limit = limit
        self._clock = clock
        self._since: dict[float, float] = {}

    def record_answer(self) -> None:
        """Take note of a good answer."""
        if self._since:
            self._warn("PAI answers again after %.0f s", self._clock() - min(self._since.values()))
        self._since.clear()

    def record_error(self, error: PAIError) -> None:
        """Take note of an error.

        Raises:
            PAIError: the same error, when waiting on makes no sense.
        """
        limit = self._limit_of(error)
        now = self._clock()
        if limit and not self._since:
            self._warn("PAI gives no usable answer (%s); asking again for up to %.0f s", error, limit)
        # Each kind of error has its own time: a job that is unknown after a long outage may still turn up.
        if now - self._since.setdefault(limit, now) >= limit:
            raise error

    def _limit_of(self, error: PAIError) -> float:
        if may_repeat(idempotent=True, error=error) or isinstance(error, ProtocolError):
            return self._limit
        return min(UNSEEN_LIMIT, self._limit) if isinstance(error, NotFoundError) else 0.0
