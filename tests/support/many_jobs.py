"""Many jobs as their watchers see them, without a network: a sender that answers from memory."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.errors import APIError

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)


class ManyJobs:
    """Jobs that are got and listed, newest first, whatever ``SortBy`` says; takes the place of a client.

    Attributes:
        jobs: status of each, by its id, oldest first. Each was created a second after the one before.
        labels: of all jobs.
        hidden: ids that no list shows.
        cap: the most jobs on a page.
        refused: pages above this size are refused; None for none.
        trouble: called with each call; what it raises is the answer.
        calls: number of calls of each operation.
        pages: number of pages of each list by creation, in order.
        got: ids that were asked for singly, in order.
        got_before: how many these were when each list began.
        queries: of all lists by creation.
        closed: whether it was closed.
        created: when each job was created.
    """

    def __init__(self, count: int = 0, *, labels: dict[str, str] | None = None) -> None:
        self.jobs: dict[str, str] = {}
        self.created: dict[str, str] = {}
        self.add(*(f"train{number}" for number in range(count)))
        self.labels = labels or {}
        self.hidden: set[str] = set()
        self.cap = 100
        self.refused: int | None = None
        self.trouble: Callable[[Call[Any]], None] = lambda _: None
        self.calls: Counter[str] = Counter()
        self.pages: list[int] = []
        self.got: list[str] = []
        self.got_before: list[int] = []
        self.queries: list[dict[str, str]] = []
        self.closed = False
        self.config = self
        self.workspace_id = "12345"
        self._lock = threading.Lock()

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        with self._lock:
            self.calls[call.action] += 1
            self.trouble(call)
            return decode_answer(call, 200, {}, json.dumps(self._body(call)).encode())

    def add(self, *job_ids: str) -> None:
        """Create jobs."""
        for job_id in job_ids:
            created = BEGIN + timedelta(seconds=len(self.created))
            self.created[job_id] = f"{created:%Y-%m-%dT%H:%M:%SZ}"
            self.jobs[job_id] = "Running"

    def close(self) -> None:
        self.closed = True

    def _body(self, call: Call[Any]) -> dict[str, Any]:
        parts = call.path.split("/")
        if call.action == "GetTrainingJob":
            self.got.append(parts[-1])
            return self._job(parts[-1])
        if call.action == "ListTrainingJobs":
            return self._listed(dict(call.query))
        if call.action == "ListTrainingJobLogs":
            return {"Logs": ["a line"], "TotalCount": "1"}
        assert call.action == "UpdateTrainingJobLabels"
        return {}

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        number, size = int(query["PageNumber"]), int(query["PageSize"])
        if query["SortBy"] == "GmtCreateTime":
            self._count(query, number)
        if self.refused is not None and size > self.refused:
            raise APIError("ListTrainingJobs", 400, "InvalidParameter", "PageSize is too large")
        wanted = json.loads(query.get("Labels", "{}")).items()
        first, last = query["StartTime"], query.get("EndTime", "~")
        listed = [each for each in self.jobs if each not in self.hidden and first <= self.created[each] <= last]
        listed = self._in_order(listed, query) if wanted <= self.labels.items() else []
        size = min(size, self.cap)
        page = [self._job(each) for each in listed[(number - 1) * size : number * size]]
        return {"TrainingJobs": page, "TotalCount": len(listed)}

    def _count(self, query: dict[str, str], number: int) -> None:
        self.queries.append(query)
        if number == 1:
            self.pages.append(0)
            self.got_before.append(len(self.got))
        self.pages[-1] += 1

    def _in_order(self, listed: list[str], query: dict[str, str]) -> list[str]:
        return listed[::-1]

    def _job(self, job_id: str) -> dict[str, Any]:
        return {
            "TrainingJobId": job_id,
            "Status": self.jobs[job_id],
            "GmtCreateTime": self.created[job_id],
            "Labels": [{"Key": key, "Value": value} for key, value in self.labels.items()],
        }
