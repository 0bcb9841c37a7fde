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
"""Seconds for each call of a look in quiet, of few jobs as of very many. So late an end is seen at most, and a poller
makes less than a call a second; the vendor's SDK makes 1.2 for one job."""
SOLE_LOOK_INTERVAL = 2.0
"""The same for a worker that waits for its own job: there may be dozens of them, who share nothing."""
OUTAGE_INTERVAL = 4.0
"""Seconds between two looks at the change feed in an outage, at least, whatever chance makes of them."""
UNEVEN = 0.1
"""The part of a pause that chance may take off, so that many pollers don't ask at the same moment."""
QUICK_TIME = 10.0
"""Seconds after a change in which looks at a job are quick."""
_QUIET_SHARE = QUICKEST / QUICK_TIME
"""The part of the time that a job has been quiet after which PAI is asked again, until that is seldom enough."""
_MOST_DOUBLINGS = 16


def polling_interval(interval: float, quiet: float, calls: float = 1.0) -> float:
    """Return the seconds until the next look at jobs while PAI answers.

    A job that has just begun, or has just changed, is asked for again soon: what is short should be noticed soon. The
    longer it stays as it is, the longer the pauses; but for a look of one call they stay short, so that the end of a
    long job is seen as soon as that of a short one.

    Args:
        interval: the longest pause that was promised, in seconds.
        quiet: seconds since the job last changed, or since the waiting began.
        calls: what the look costs.
    """
    slowest = max(calls / QUICK_CALLS_PER_SECOND, min(quiet * _QUIET_SHARE, calls * QUIET_LOOK_INTERVAL))
    return min(interval, max(QUICKEST, slowest))


def sole_interval(interval: float, quiet: float) -> float:
    """Return the same for a worker that looks at its own job, one call each time."""
    return min(SOLE_LOOK_INTERVAL, reading_interval(interval, quiet))


def reading_interval(interval: float, quiet: float) -> float:
    """Return the seconds between two reads of the log by a worker that waits for its own job."""
    return min(interval, max(QUICKEST, quiet * _QUIET_SHARE))


def feed_interval(interval: float, *, is_active: bool) -> float:
    """Return the seconds until the next look at the change feed: about one a second while jobs change.

    Args:
        interval: the longest pause that was promised, in seconds.
        is_active: whether jobs have changed a short while ago.
    """
    return min(interval, LOOK_INTERVAL if is_active else QUIET_LOOK_INTERVAL)


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
