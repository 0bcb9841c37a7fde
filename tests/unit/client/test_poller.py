from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any, cast

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.training import LARGEST_LOG_PAGE, PAGE_SIZE
from airflow_provider_pai.client.bookmark import Bookmark
from airflow_provider_pai.client.config import LOG_DELAY
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.client.logs import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.poller import LOG_PAGES_PER_ROUND, StatusPoller, until_end
from airflow_provider_pai.client.task_log import TaskLog
from airflow_provider_pai.client.watch import Progress, Watch
from tests.support.log_server import JOB, LogServer


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


def handed_on(server: LogServer, delay: float) -> list[Progress]:
    """Return what a watch gets of a job that has ended, after a round that read nothing of its log."""
    server.status = "Succeed"
    job = server.got()
    log = TaskLog(LogReader(server, JOB, print), Bookmark(), delay)
    watched = Watch(JOB, 10.0, Patience(print), log)
    watched.queue.put_nowait(Progress(job, tuple(log.news(job)), log.cursor))

    async def collected() -> list[Progress]:
        poller = StatusPoller(cast("PAIClient", server))
        found = [progress async for progress in until_end(poller, watched)]
        await poller.close()
        return found

    return asyncio.run(collected())


def test_what_the_rounds_left_of_a_log_is_handed_on_in_parts() -> None:
    server = LogServer(3 * PAGES_PER_READ * LARGEST_LOG_PAGE)
    parts = [progress.lines for progress in handed_on(server, delay=0.0)]
    assert [line for lines in parts for line in lines] == [*server.lines, "Job train1: Succeed"]
    assert max(map(len, parts)) <= PAGES_PER_READ * LARGEST_LOG_PAGE


def test_where_a_log_is_complete_at_the_end_no_time_is_lost() -> None:
    begun = time.monotonic()
    assert handed_on(LogServer(3), delay=0.0)[-1].snapshot.is_success
    assert time.monotonic() - begun < LOG_DELAY


def test_a_log_is_looked_at_again_while_lines_may_still_come() -> None:
    server = LogServer(3, growth=[2])
    assert [len(progress.lines) for progress in handed_on(server, delay=0.3)] == [0, 3, 2, 0, 1]
