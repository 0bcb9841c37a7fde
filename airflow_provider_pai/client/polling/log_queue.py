"""The log read queue: which log is read next, in turn, with the calls that polling leaves over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.event_wait import wait_at_most
from airflow_provider_pai.client.polling.rate_limit import RateLimiter
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.model.training.status import JobSnapshot

QUICKEST = 2.0
"""Seconds between two reads of a log that has just had lines, unless the job's interval is shorter."""
PAGES_PER_TURN = 5
"""Pages that one turn takes at most: meanwhile nothing else of the job is passed on, its end neither."""
LATE = 60.0
"""Seconds after which lines are so late that a reader of the task's log should know why."""
READS_PER_SECOND = 20.0
"""Reads at most [inferred: PAI's limit is not public; a sibling takes 100 calls a second of an account]."""
QUIET_READS_PER_SECOND = 0.5
"""Reads of logs in which there was nothing new the last time: very many quiet jobs must not cost very many calls."""
_CREDIT = 3
"""Reads of quiet logs that may be made at once after one that was quiet no more: jobs often print together."""
_EAGER_AT_FIRST = 100
"""Jobs that may have their first read at once; of more at a time nothing is known, so they are taken for quiet."""


@dataclass(order=True)
class _Turn:
    """One subscription in the queue.

    Attributes:
        ready: when its turn may come.
        number: keeps the order of those that are ready at the same time.
        gap: seconds until its next turn if this one finds nothing.
        is_quiet: whether there was nothing new the last time, and the time before that.
        subscription: the subscription that shows the log.
    """

    ready: float
    number: int
    gap: float
    is_quiet: bool
    subscription: Subscription = field(compare=False)


class LogReadQueue:
    """Reads the logs of many jobs, round robin.

    A log that has just had lines is read again soon, one that had none ever more rarely. Quiet ones share a small rate,
    which grows as soon as one of them is found to have lines.

    Args:
        limiter: says how many calls may be made.
        read: reads a job's new lines; is given the most pages to read.
        clock: the event loop's time.
        done: called after each read.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        read: Callable[[TaskLog, JobSnapshot, int], Awaitable[list[str]]],
        clock: Callable[[], float],
        done: Callable[[Subscription], None] = lambda _: None,
    ) -> None:
        self._limiter = limiter
        self._read = read
        self._clock = clock
        self._done = done
        self._eager: list[_Turn] = []
        self._quiet: list[_Turn] = []
        self._numbers = count()
        self._added = asyncio.Event()
        self._next_read = self._next_quiet = 0.0
        self._credit = 0

    def __len__(self) -> int:
        """Return how many logs wait to be read."""
        return len(self._eager) + len(self._quiet)

    def add(self, subscription: Subscription) -> None:
        """Begin to read a log, when its turn comes; nothing happens when it is read already, or has nothing to read."""
        if subscription.enqueue_log_read():
            self._push(subscription, 0.0, QUICKEST, is_quiet=len(self._eager) >= _EAGER_AT_FIRST)

    async def serve(self) -> None:
        """Read one log after the other, for ever; several may do so."""
        while True:
            turn = await self._next_turn()
            if pause := self._limiter.wait():
                await asyncio.sleep(pause)
            subscription = turn.subscription
            if job := subscription.begin_log_read():
                await self._take(turn, job)

    async def _next_turn(self) -> _Turn:
        while True:
            now = self._clock()
            queue, wait = self._choose(now)
            if queue and wait <= 0:
                self._next_read = max(now, self._next_read) + 1 / READS_PER_SECOND
                return heappop(queue)
            self._added.clear()
            await wait_at_most(self._added, wait if queue else None)

    def _choose(self, now: float) -> tuple[list[_Turn], float]:
        """Return the queue that is next, and the seconds until then; count a quiet read that is due."""
        eager = self._eager[0].ready - now if self._eager else None
        quiet = None
        if self._quiet:
            quiet = max(self._quiet[0].ready, 0.0 if self._credit else self._next_quiet) - now
        if eager is not None and (quiet is None or eager <= quiet):
            return self._eager, max(eager, self._next_read - now)
        if quiet is None:
            return [], 0.0
        wait = max(quiet, self._next_read - now)
        if wait <= 0:
            if self._credit:
                self._credit -= 1
            else:
                self._next_quiet = now + 1 / QUIET_READS_PER_SECOND
        return self._quiet, wait

    async def _take(self, turn: _Turn, job: JobSnapshot) -> None:
        subscription, late = turn.subscription, self._clock() - turn.ready
        pages = max(1, min(PAGES_PER_TURN, self._limiter.left // (len(self._eager) + 1)))
        try:
            lines = await self._read(subscription.log, job, pages)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
            subscription.abort_log_read(error)
            return
        except BaseException:
            subscription.abort_log_read()
            raise
        subscription.finish_log_read(lines)
        self._done(subscription)
        if lines:
            self._note_late(subscription, late)
            self._credit = min(self._credit + _CREDIT, len(self._quiet))
        self._add_again(turn, has_lines=bool(lines))

    def _add_again(self, turn: _Turn, *, has_lines: bool) -> None:
        subscription = turn.subscription
        if not subscription.enqueue_log_read():
            return
        if subscription.log.behind:
            self._push(subscription, 0.0, QUICKEST, is_quiet=False)
        elif has_lines:
            self._push(subscription, min(subscription.interval, QUICKEST), QUICKEST, is_quiet=False)
        else:
            gap = 2 * turn.gap
            is_quiet = turn.is_quiet or gap > max(subscription.interval, 2 * QUICKEST)
            self._push(subscription, min(subscription.interval, gap), turn.gap if is_quiet else gap, is_quiet=is_quiet)

    def _push(self, subscription: Subscription, wait: float, gap: float, *, is_quiet: bool) -> None:
        turn = _Turn(self._clock() + wait, next(self._numbers), gap, is_quiet, subscription)
        heappush(self._quiet if is_quiet else self._eager, turn)
        self._added.set()

    def _note_late(self, subscription: Subscription, late: float) -> None:
        if late >= max(LATE, 2 * subscription.interval):
            subscription.note_late_logs(
                f"({len(self):,} jobs take turns at having their logs read here: log lines of job "
                f"{subscription.job_id} come late, about every {late:.0f} s, and the last ones at its end.)"
            )
