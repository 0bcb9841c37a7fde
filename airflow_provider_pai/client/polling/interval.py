"""How long until the next look at jobs: soon while they change, the asked-for interval at most, longer in an outage."""

from __future__ import annotations

import random
from collections.abc import Callable

from airflow_provider_pai.errors import PAIError

LONGEST_PAUSE = 60.0
"""Seconds between two looks in a long outage, unless the interval itself is longer."""
QUICKEST = 1.0
"""Seconds between two looks at a job that has just begun or changed, unless the interval itself is shorter."""
QUICK_CALLS_PER_SECOND = 1.5
"""Calls that looks before their time may make: a look at very many jobs is dear, and waits for its time."""
LOOK_INTERVAL = 1.1
"""Seconds between two looks at the change feed, at least."""
QUIET_LOOK_INTERVAL = 1.4
"""The same in quiet, at most, of very many jobs."""
_SOME_HUNDREDS = 5
_SWEEPS_TOO = 1.2
"""Makes looks rarer by what sweeps cost beside them."""
UNEVEN = 0.1
"""The part of a pause that chance may take off, so that many pollers don't ask at the same moment."""
_QUIET_SHARE = 0.1
"""The part of the time that a job has been quiet after which PAI is asked again: its end is seen that much late."""
_MOST_DOUBLINGS = 16


def polling_interval(interval: float, quiet: float, calls: float = 1.0) -> float:
    """Return the seconds until the next look at a job while PAI answers.

    A job that has just begun, or has just changed, is asked for again soon: what is short should be noticed soon. The
    longer it stays as it is, the longer the pauses.

    Args:
        interval: the longest pause that was promised, in seconds.
        quiet: seconds since the job last changed, or since the waiting began.
        calls: what the look costs.
    """
    return min(interval, max(QUICKEST, quiet * _QUIET_SHARE, calls / QUICK_CALLS_PER_SECOND))


def feed_interval(pages: int, interval: float, *, is_active: bool) -> float:
    """Return the seconds until the next look at the change feed.

    While jobs change it is read about once a second. In quiet there are no more looks than pages of lists of all
    jobs would be read, but for some hundreds of jobs: their first ends are to be seen soon, too.

    Args:
        pages: pages of a list of all jobs that are waited for.
        interval: the longest pause that was promised, in seconds.
        is_active: whether jobs have changed a short while ago.
    """
    shortest = min(LOOK_INTERVAL, interval)
    quiet = QUIET_LOOK_INTERVAL if pages >= _SOME_HUNDREDS else interval
    return shortest if is_active else max(shortest, min(quiet, _SWEEPS_TOO * interval / pages))


class Backoff:
    """Slows down with every look that fails, so that an outage is not made worse; one good answer ends that.

    Args:
        chance: a number from 0 to 1, so that many who wait don't ask at the same moment.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._failures = 0
        self._asked_for = 0.0

    def reset(self) -> None:
        """Take note of a good answer."""
        self._failures = 0
        self._asked_for = 0.0

    def record_error(self, error: PAIError) -> None:
        """Take note of an error; a service that says when to come back is obeyed."""
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        self._asked_for = getattr(error, "retry_after", None) or 0.0

    def pause(self, interval: float) -> float:
        """Return the seconds until the next look.

        Args:
            interval: seconds between two looks while all is well.
        """
        if not self._failures:
            return interval
        longest = max(interval, min(LONGEST_PAUSE, interval * (1 << self._failures)))
        return max(interval + self._chance() * (longest - interval), min(self._asked_for, LONGEST_PAUSE))
