"""The order in which local jobs begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from airflow_provider_pai.local.jobs.quota_usage import DEFAULT_PRIORITY, Amount, queue_order, requested_amount


@dataclass(frozen=True)
class _QueuedJob:
    job_id: str
    place: int
    share: Amount | None
    priority: int


_HeapEntry = tuple[tuple[int, int], _QueuedJob]
"""What a queued job is sorted by, which no other has, and the job."""


class Queue:
    """Jobs that wait, and the shares of the resource quota that jobs have. One thread at a time may call it.

    Jobs with an instance type begin in the order they came. Jobs of the quota begin by priority, and among equals in
    the order they came; one that finds no free share holds up those behind it: they could keep it waiting for ever.

    Args:
        total: what all jobs of the quota may have at a time.
    """

    def __init__(self, total: Amount) -> None:
        self._total = total
        self._places = 0
        self._waiting: dict[str, _QueuedJob] = {}
        self._of_quota: list[_HeapEntry] = []
        self._others: list[_HeapEntry] = []
        self._shares: dict[str, Amount] = {}

    def put(self, job_id: str, job: Mapping[str, Any]) -> None:
        """Let a job wait.

        Args:
            job_id: its id.
            job: the stored job; its share is not more than there is in total.
        """
        self._places += 1
        priority = job.get("Priority", DEFAULT_PRIORITY)
        entry = _QueuedJob(job_id, self._places, requested_amount(job), priority)
        self._waiting[job_id] = entry
        heappush(self._others if entry.share is None else self._of_quota, (_order(entry), entry))

    def take(self) -> str | None:
        """Let the next job begin, and have its share; None when there is none that can."""
        heads = [head for heap in (self._of_quota, self._others) if (head := self._head(heap))]
        ready = [entry for entry in heads if entry.share is None or entry.share.fits(self._used(), self._total)]
        if not ready:
            return None
        chosen = min(ready, key=lambda entry: entry.place)
        del self._waiting[chosen.job_id]
        if chosen.share is not None:
            self._shares[chosen.job_id] = chosen.share
        return chosen.job_id

    def _head(self, heap: list[_HeapEntry]) -> _QueuedJob | None:
        """Return the first of those that still wait; the others are dropped on the way to it."""
        while heap and self._waiting.get(heap[0][1].job_id) is not heap[0][1]:
            heappop(heap)
        return heap[0][1] if heap else None

    def give_back(self, job_id: str) -> None:
        """Free the share of a job that has ended, if it had one."""
        self._shares.pop(job_id, None)

    def remove(self, job_id: str) -> None:
        """Forget a job that does not wait any more, if it did."""
        self._waiting.pop(job_id, None)

    def clear(self) -> None:
        """Forget all jobs that wait."""
        self._waiting.clear()
        self._of_quota.clear()
        self._others.clear()

    def _used(self) -> Amount:
        used = Amount()
        for share in self._shares.values():
            used += share
        return used


def _order(entry: _QueuedJob) -> tuple[int, int]:
    return queue_order(entry.priority, entry.place)
