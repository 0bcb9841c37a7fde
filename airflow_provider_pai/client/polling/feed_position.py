"""How far a feed of changes was read: pure bookkeeping of the service's own times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

FIRST_OVERLAP = timedelta(seconds=15)
"""How far back a look reads at first [inferred: a job may turn up on the list some seconds after its change]."""
LARGEST_OVERLAP = timedelta(minutes=10)
_SAFETY = 1.5
_MARGIN = timedelta(seconds=5)


class FeedPosition:
    """Knows up to which time changes were seen, and how far below it others may still turn up.

    All times are the service's, of its answers; ours never enters, so it may jump.

    Attributes:
        watermark: the newest modification that was seen; None before the first look.
        floor: no change from before it is expected any more; None before the first look.
        overlap: how late a change may turn up: the longest that was seen, with a margin.
    """

    def __init__(self) -> None:
        self.watermark: datetime | None = None
        self.floor: datetime | None = None
        self.overlap = FIRST_OVERLAP
        self._deep_watermark: datetime | None = None
        self._known: dict[str, datetime] = {}

    def is_reached(self, oldest: datetime, *, deep: bool) -> bool:
        """Return whether a look that has come down to a time need not go further.

        Changes of one second may come in any order and one after the other, so that second is read again. A deep look
        continues down to the floor, for changes that turn up late.
        """
        return (target := self._target(deep=deep)) is None or oldest < target

    def is_passed(self, modified: datetime) -> bool:
        """Return whether a change of that time is never read again."""
        return self.floor is not None and modified < self.floor

    def is_beyond(self, modified: datetime) -> bool:
        """Return whether a change is older than the newest one by more than any list lags."""
        return self.watermark is not None and self.watermark - modified > LARGEST_OVERLAP

    def record_late(self, modified: datetime) -> None:
        """Take note of a change that was found after newer ones, so that others that come as late are found, too."""
        if self.watermark is None or modified >= self.watermark:
            return
        if self.is_beyond(modified):
            # No list lags so long: the newest time was wrong, or the service's clock was set back.
            self.watermark, self.floor = modified, modified - self.overlap
            self._deep_watermark = modified
        elif self._deep_watermark and modified < self._deep_watermark:
            # The last look that read so far down did not have it, although it had a newer one: so late it is at least.
            lag = self._deep_watermark - modified
            self.overlap = max(self.overlap, min(LARGEST_OVERLAP, _SAFETY * lag + _MARGIN))

    def changed(self, items: Sequence[tuple[str, datetime]]) -> dict[str, datetime]:
        """Return the jobs, with their times, that no look so far has shown with that time.

        Args:
            items: id and time of each job.
        """
        return {job_id: modified for job_id, modified in items if self._known.get(job_id) != modified}

    def advance(self, items: Sequence[tuple[str, datetime]], *, deep: bool) -> None:
        """Take note of what a look has shown.

        Args:
            items: id and time of each job.
            deep: whether it went down to the floor.
        """
        # One that stays at the top with a time that can't be true must not hide what comes below it.
        new = self.changed(items).values()
        if new:
            self.watermark = max(new) if self.watermark is None else max(self.watermark, *new)
        if self.watermark is None:
            return
        if deep or self.floor is None:
            self.floor = self.watermark - self.overlap
            self._deep_watermark = self.watermark
        self._known.update(items)
        if len(self._known) > 2 * len(items) + 100:
            self._known = {job_id: time for job_id, time in self._known.items() if time >= self.floor}

    def deepen(self, items: Sequence[tuple[str, datetime]], watermark: datetime) -> None:
        """Take note that a look was read on down to the floor.

        Args:
            items: id and time of each job that was read.
            watermark: the newest modification when that look began.
        """
        if self.watermark is None:
            return
        # Meanwhile the service's clock may have been set back.
        self._deep_watermark = min(watermark, self.watermark)
        self.floor = self._deep_watermark - self.overlap
        self._known.update(items)

    def _target(self, *, deep: bool) -> datetime | None:
        if self.watermark is None or self.floor is None:
            return None
        return min(self.floor, self.watermark) if deep else self.watermark


def is_in_order(times: Iterable[datetime], tolerance: timedelta) -> bool:
    """Return whether times go down; what lags by less than the tolerance may stand out of order."""
    lowest: datetime | None = None
    for each in times:
        if lowest is not None and each - lowest > tolerance:
            return False
        lowest = each if lowest is None else min(lowest, each)
    return True


def is_by_change(times: Sequence[tuple[datetime, datetime]]) -> bool:
    """Return whether jobs, each with its times of modification and creation, can only be sorted by modification."""
    pairs = list(pairwise(times))
    return all(one[0] >= two[0] for one, two in pairs) and any(one[1] < two[1] for one, two in pairs)
