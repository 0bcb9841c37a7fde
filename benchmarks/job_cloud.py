"""A cloud to wait for: PAI, SageMaker and Databricks with very many jobs, which end at random times that it remembers.

It is run by :mod:`benchmarks.triggers` in a process of its own. Local PAI really runs its jobs and keeps them on disk,
which takes minutes to set up for ten thousand; this one answers from memory, so that what is measured is who asks.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from benchmarks.peers import asked, now

LABELS = {"airflow.deployment": "bench", "airflow.generation": "0", "airflow.try": "1", "airflow.dag_id": "train_all"}
_LARGEST_PAGE = 100
_OTHERS = 10
"""One job of so many is not waited for by anybody here."""
Answer = Mapping[str, Any]


def job_id(number: int) -> str:
    """Return the id of a job that is waited for; as :mod:`benchmarks.deferred` has it, which lives elsewhere."""
    return f"train{number:011d}"


@dataclass
class Jobs:
    """The jobs, and what was asked about them since they were made.

    Attributes:
        ends: when each ends that is waited for, see :func:`benchmarks.peers.now`.
        in_order: when each ends, the first to end first, with its place below.
        created: when each was created, oldest first, as PAI writes times.
        ids: their ids in the same order.
        places: the place of each id there.
        labelled: the places of those that are waited for, which have the labels.
        seen: those that were asked for, or listed.
        calls: requests of each operation.
        cycles: requests since each first page of a list.
        connections: who has asked.
        begun: when they were made.
    """

    ends: dict[str, float] = field(default_factory=dict)
    in_order: list[tuple[float, int]] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    labelled: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    cycles: list[int] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    begun: float = field(default_factory=now)

    @classmethod
    def planned(cls, count: int, first: float, last: float) -> Jobs:
        """Make jobs.

        Args:
            count: how many are waited for.
            first: seconds from now until the first may end.
            last: seconds until all have ended.
        """
        chance = random.Random(count)
        total = count + count // _OTHERS
        oldest = datetime.now(UTC) - timedelta(seconds=total)
        made = cls()
        for number in range(total):
            mine = None if number % (_OTHERS + 1) == _OTHERS else number - number // (_OTHERS + 1)
            made.ids.append(f"other{number:011d}" if mine is None else job_id(mine))
            made.created.append(f"{oldest + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}")
            made.places[made.ids[-1]] = number
            if mine is not None:
                made.labelled.append(number)
                made.ends[job_id(mine)] = made.begun + chance.uniform(first, last)
        made.in_order = sorted((at, made.places[name]) for name, at in made.ends.items())
        return made

    def count(self, operation: str, client: Any, *, first_page: bool = False) -> None:
        """Take note of a request."""
        self.calls[operation] += 1
        self.connections.add(tuple(client))
        if first_page or not self.cycles:
            self.cycles.append(0)
        self.cycles[-1] += 1

    def is_over(self, name: str) -> bool:
        """Whether a job has ended; that counts as having seen it."""
        self.seen.add(name)
        return self.ends.get(name, float("inf")) <= now()

    def listed(self, query: Mapping[str, str]) -> Answer:
        """ListTrainingJobs."""
        begin = bisect_left(self.created, query.get("StartTime", ""))
        end = bisect_right(self.created, query.get("EndTime", "~"))
        size = min(int(query["PageSize"]), _LARGEST_PAGE)
        first = (int(query["PageNumber"]) - 1) * size
        chosen: Sequence[int] = range(end - 1, begin - 1, -1)
        if "Labels" in query:
            chosen = self.labelled[bisect_left(self.labelled, begin) : bisect_left(self.labelled, end)][::-1]
        total = len(chosen)
        if query["SortBy"] == "GmtModifiedTime":
            chosen = self._last_changed(chosen, first + size)
        page = [self.job(self.ids[each], self.created[each]) for each in chosen[first : first + size]]
        return {"RequestId": "R", "TotalCount": total, "TrainingJobs": page}

    def _last_changed(self, by_creation: Sequence[int], count: int) -> list[int]:
        """Return the places of the jobs that have changed last: by their ends, and then those that run."""
        over = bisect_right(self.in_order, (now(), len(self.ids)))
        ended = [place for _, place in self.in_order[max(0, over - count) : over]][::-1]
        if len(ended) < count:
            running = (each for each in by_creation if self.ends.get(self.ids[each], float("inf")) > now())
            ended += islice(running, count - len(ended))
        return ended

    def job(self, name: str, created: str) -> Answer:
        """Return a job as PAI lists it."""
        over = self.is_over(name)
        modified = created
        if over:
            ago = now() - self.ends[name]
            modified = f"{datetime.now(UTC) - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%SZ}"
        statuses = ["Creating", "Created", "Initializing", "Submitted", "Running", *(["Succeed"] if over else [])]
        base = f"oss://bucket/pai/training_job/{name}"
        return {
            "TrainingJobId": name,
            "TrainingJobName": f"train_all__{name}",
            "WorkspaceId": "1",
            "UserId": "1234567890123456",
            "Status": statuses[-1],
            "StatusTransitions": [{"Status": each, "StartTime": created} for each in statuses],
            "ReasonCode": "TrainingJobSucceed" if over else "",
            "GmtCreateTime": created,
            "GmtModifiedTime": modified,
            "Labels": [{"Key": key, "Value": value} for key, value in LABELS.items()],
            "OutputChannels": [{"Name": each, "OutputUri": f"{base}/{each}/"} for each in ("model", "checkpoints")],
            "InputChannels": [{"Name": "train", "InputUri": "oss://bucket/data/train/"}],
            "HyperParameters": [{"Name": f"parameter_{each}", "Value": "0.001"} for each in range(5)],
            "Scheduler": {"MaxRunningTimeInSeconds": 86400},
            "ComputeResource": {"EcsCount": 1, "EcsSpec": "ecs.gn6i-c4g1.xlarge"},
        }


class JobCloud:
    """An ASGI application."""

    def __init__(self) -> None:
        self._jobs = Jobs()

    async def __call__(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answer a request."""
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        found = json.dumps(self._answer(scope, content)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(found)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})

    def _answer(self, scope: Mapping[str, Any], content: bytes) -> Answer:
        path, query = str(scope["path"]), dict(parse_qsl(scope["query_string"].decode()))
        if path.startswith("/_bench/"):
            return self._bench(path.rpartition("/")[2], content)
        if path.startswith("/api/v1/trainingjobs"):
            return self._pai(scope, path.split("/")[4:], query)
        body = json.loads(content)
        if path == "/":
            self._jobs.count("DescribeTrainingJob", scope["client"])
            over = self._jobs.is_over(body["TrainingJobName"])
            return {
                "TrainingJobName": body["TrainingJobName"],
                "TrainingJobStatus": "Completed" if over else "InProgress",
            }
        self._jobs.count("jobs/runs/get", scope["client"])
        over = self._jobs.is_over(job_id(body["run_id"]))
        ended = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}
        return {"run_id": body["run_id"], "state": ended if over else {"life_cycle_state": "RUNNING"}}

    def _pai(self, scope: Mapping[str, Any], rest: list[str], query: Mapping[str, str]) -> Answer:
        jobs, client = self._jobs, scope["client"]
        if not rest:
            jobs.count("ListTrainingJobs", client, first_page=query["PageNumber"] == "1")
            return jobs.listed(query)
        if rest[1:] == ["logs"]:
            jobs.count("ListTrainingJobLogs", client)
            return {"RequestId": "R", "Logs": ["epoch 1 of 100, loss 0.5"], "TotalCount": "1"}
        if rest[1:]:
            jobs.count("UpdateTrainingJobLabels", client)
            return {"RequestId": "R"}
        jobs.count("GetTrainingJob", client)
        return jobs.job(rest[0], jobs.created[jobs.places[rest[0]]])

    def _bench(self, what: str, content: bytes) -> Answer:
        if what == "plan":
            self._jobs = Jobs.planned(**json.loads(content))
            return {}
        jobs = self._jobs
        if what == "ends":
            return jobs.ends
        return {
            "seen": len(jobs.seen & jobs.ends.keys()),
            "calls": jobs.calls,
            "cycles": jobs.cycles,
            "connections": len(jobs.connections),
            "count": len(jobs.ends),
            "begun": jobs.begun,
        }


if __name__ == "__main__":
    uvicorn.run(
        JobCloud(),
        host="127.0.0.1",
        port=asked()["port"],
        log_level="warning",
        access_log=False,
        timeout_keep_alive=120,
    )
