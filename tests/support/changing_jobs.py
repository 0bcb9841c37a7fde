"""Jobs that change while time passes, on a list sorted by change; and all that such a list may do to its reader."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_pai.errors import APIError, NotFoundError
from tests.support.many_jobs import BEGIN, ManyJobs


@dataclass
class Manners:
    """How a list behaves.

    Attributes:
        sorting: whether ``SortBy`` is honoured, ignored, refused, or its order reversed.
        lag: seconds after which a change turns up, at most; each change has its own.
        shuffles: whether jobs of one second come in another order each time.
        labels_move: whether a label moves a job's time.
        cap: the most jobs on a page.
        clock: added to the service's time, in seconds.
        future: ids of jobs whose time of modification can't be true.
    """

    sorting: str = "honoured"
    lag: float = 0.0
    shuffles: bool = False
    labels_move: bool = True
    cap: int = 100
    clock: Callable[[float], float] = lambda _: 0.0
    future: set[str] = field(default_factory=set)


class ChangingJobs(ManyJobs):
    """Jobs with a history: each change has a time, and may turn up late.

    Attributes:
        manners: how its list behaves.
        ended: when each job ended that has.
    """

    def __init__(self, count: int, manners: Manners | None = None, seed: int = 1) -> None:
        self.manners = manners or Manners()
        self._rng = random.Random(seed)
        self._clock = asyncio.get_running_loop().time
        self._history: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        self._labelled: dict[str, int] = {}
        self.ended: dict[str, float] = {}
        super().__init__(count)
        self.cap = self.manners.cap
        for job_id in self.jobs:
            # It began some time after its creation, in no order.
            self._record(job_id, -self._rng.uniform(100, 3600), visible=-1.0)

    def change(self, job_id: str, status: str) -> None:
        """Bring a job into another status."""
        if status == "Succeed":
            self.ended[job_id] = self._clock()
        self.jobs[job_id] = status
        self._record(job_id, self._clock())

    def label(self, job_id: str) -> None:
        """Put a label on a job."""
        self._labelled[job_id] = self._labelled.get(job_id, 0) + 1
        if self.manners.labels_move:
            self._record(job_id, self._clock())

    def delete(self, job_id: str) -> None:
        """Delete a job."""
        del self.jobs[job_id]

    def _record(self, job_id: str, at: float, visible: float | None = None) -> None:
        times = self._history.setdefault(job_id, [])
        modified = BEGIN + timedelta(seconds=at + self.manners.clock(at))
        if job_id in self.manners.future:
            modified = BEGIN + timedelta(days=3650)
        state = {"Status": self.jobs[job_id], "GmtModifiedTime": f"{modified:%Y-%m-%dT%H:%M:%SZ}"}
        times.append((at + self._rng.uniform(0, self.manners.lag) if visible is None else visible, state))

    def _state(self, job_id: str) -> dict[str, Any]:
        """Return what a list shows by now."""
        now = self._clock()
        return [state for visible, state in self._history[job_id] if visible <= now][-1]

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        if query["SortBy"] == "GmtModifiedTime" and self.manners.sorting == "refused":
            raise APIError("ListTrainingJobs", 400, "InvalidParameter", "SortBy is not supported")
        return super()._listed(query)

    def _in_order(self, listed: list[str], query: dict[str, str]) -> list[str]:
        if query["SortBy"] == "GmtCreateTime" or self.manners.sorting == "ignored":
            return listed[::-1]
        if self.manners.shuffles:
            self._rng.shuffle(listed)
        newest_first = self.manners.sorting != "reversed"
        return sorted(listed, key=lambda job_id: str(self._state(job_id)["GmtModifiedTime"]), reverse=newest_first)

    def _job(self, job_id: str) -> dict[str, Any]:
        if job_id not in self.jobs:
            raise NotFoundError("GetTrainingJob", 404, "NotFound", "no such job")
        labels = [{"Key": "label", "Value": str(self._labelled.get(job_id, 0))}]
        return {**super()._job(job_id), **self._state(job_id), "Labels": labels}
