from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any, cast

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.training import PAGE_SIZE
from airflow_provider_pai.client.bookmark import Bookmark
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.client.logs import LogReader
from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.poller import LOG_PAGES_PER_ROUND, StatusPoller
from airflow_provider_pai.client.task_log import TaskLog
from airflow_provider_pai.client.watch import Progress, Watch


class Cloud:
    """Many jobs that run and never stop talking; remembers whose log was read in which round."""

    def __init__(self, jobs: int) -> None:
        self.jobs = [f"train{number}" for number in range(jobs)]
        self.rounds: list[Counter[str]] = []
        self.config = self
        self.workspace_id = "12345"

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        body: dict[str, Any]
        if call.action == "ListTrainingJobLogs":
            self.rounds[-1][call.path.split("/")[-2]] += 1
            body = {"Logs": ["line"] * int(call.query["PageSize"]), "TotalCount": 10**6}
        elif call.action == "GetTrainingJob":
            self.rounds = self.rounds or [Counter()]
            body = self._job(call.path.split("/")[-1])
        else:
            page = int(call.query["PageNumber"]) - 1
            if page == 0:
                self.rounds.append(Counter())
            listed = self.jobs[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
            body = {"TrainingJobs": [self._job(job_id) for job_id in listed], "TotalCount": len(self.jobs)}
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def close(self) -> None:
        pass

    def _job(self, job_id: str) -> dict[str, Any]:
        return {"TrainingJobId": job_id, "Status": "Running", "GmtCreateTime": "2026-11-24T03:21:30Z"}


def watched(jobs: int, rounds: int) -> tuple[Cloud, list[Watch]]:
    cloud = Cloud(jobs)
    client = cast("PAIClient", cloud)

    def warn(*_: object) -> None:
        raise AssertionError("nothing is wrong")

    watches = [
        Watch(job_id, 0.2, Patience(warn), TaskLog(LogReader(client, job_id, warn), Bookmark()))
        for job_id in cloud.jobs
    ]

    async def for_some_rounds() -> None:
        poller = StatusPoller(client)
        for each in watches:
            poller.add(each)
        while len(cloud.rounds) <= rounds:
            await asyncio.sleep(0.05)
        await poller.close()

    asyncio.run(asyncio.wait_for(for_some_rounds(), 60))
    return cloud, watches


def test_a_round_reads_a_bounded_number_of_log_pages_and_every_job_gets_its_turn() -> None:
    jobs = LOG_PAGES_PER_ROUND + 100
    cloud, watches = watched(jobs, rounds=3)
    complete = cloud.rounds[:3]
    assert [each.total() for each in complete] == [LOG_PAGES_PER_ROUND] * 3
    assert len(sum(complete[:2], Counter())) == jobs
    for each in watches:
        progress = [each.queue.get_nowait() for _ in range(3)]
        assert all(isinstance(item, Progress) and item.snapshot.status == "Running" for item in progress)


def test_few_jobs_share_the_pages_of_a_round() -> None:
    cloud, _ = watched(20, rounds=1)
    assert set(cloud.rounds[0].values()) == {LOG_PAGES_PER_ROUND // 20}
