"""Places in the queues of quotas: read once for all that wait there, and never a reason for a task to fail."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.quota_queues import FIRST_LOOK, QUEUE_INTERVAL, REFUSED_INTERVAL, QuotaQueues
from airflow_provider_pai.client.polling.subscription import JobUpdate
from airflow_provider_pai.errors import AuthError, NotFoundError, PAIError, ProtocolError, TransportError
from tests.support.many_jobs import ManyJobs
from tests.support.subscriptions import subscribed, updates
from tests.support.virtual_time import run


class QueuedJobs(ManyJobs):
    """Jobs of a quota, all of which wait in its queue in the order of their creation.

    Args:
        count: how many.
        quotas: the quotas that they wait in, in turn.
    """

    def __init__(self, count: int, quotas: tuple[str, ...] = ("quota1",)) -> None:
        super().__init__(count)
        self.jobs = dict.fromkeys(self.jobs, "Created")
        self._quotas = quotas

    def _body(self, call: Call[Any]) -> dict[str, Any]:
        if call.action != "ListQuotaWorkloads":
            return super()._body(call)
        waiting = [job_id for job_id, status in self.jobs.items() if status == "Created"]
        number, size = int(call.query["PageNumber"]), int(call.query["PageSize"])
        items = [{"WorkloadId": job_id, "Position": place} for place, job_id in enumerate(waiting, 1)]
        return {"Workloads": items[(number - 1) * size : number * size], "TotalCount": len(items)}

    def _job(self, job_id: str) -> dict[str, Any]:
        quota = self._quotas[list(self.jobs).index(job_id) % len(self._quotas)]
        return {**super()._job(job_id), "ComputeResource": {"ResourceId": quota}}


def lines(subscription: Any) -> list[str]:
    """Return what a task's log shows of places."""
    shown = [line for each in updates(subscription) if isinstance(each, JobUpdate) for line in each.lines]
    return [line for line in shown if "waits in quota" in line]


def test_one_read_of_a_queue_serves_all_that_wait_in_it_and_comes_every_few_minutes() -> None:
    async def work() -> None:
        cloud = QueuedJobs(250)
        async with subscribed(cloud, 30.0) as (_, subscriptions):
            await asyncio.sleep(QUEUE_INTERVAL - 1)
            # Of three pages.
            assert cloud.calls["ListQuotaWorkloads"] == 3
            assert lines(subscriptions[0]) == ["Job train0 waits in quota quota1 at place 1 of 250"]
            assert lines(subscriptions[2]) == ["Job train2 waits in quota quota1 at place 3 of 250"]
            cloud.jobs["train0"] = "Running"
            await asyncio.sleep(QUEUE_INTERVAL + 60)
            assert lines(subscriptions[0]) == []
            assert lines(subscriptions[2]) == ["Job train2 waits in quota quota1 at place 2 of 249"]
            assert cloud.calls["ListQuotaWorkloads"] == 6

    run(work(), limit=2000)


def test_jobs_that_wait_in_no_quota_cost_no_call() -> None:
    async def work() -> None:
        cloud = ManyJobs(20)
        cloud.jobs |= dict.fromkeys(cloud.jobs, "Created")
        async with subscribed(cloud, 30.0):
            await asyncio.sleep(10 * QUEUE_INTERVAL)
        assert cloud.calls["ListQuotaWorkloads"] == 0

    run(work(), limit=5000)


ERRORS = [
    AuthError("ListQuotaWorkloads", 403, "Forbidden", "no right"),
    NotFoundError("ListQuotaWorkloads", 404, "QuotaNotFound", "no such quota"),
    ProtocolError("ListQuotaWorkloads: the answer is not JSON", "<html>"),
    TransportError("no answer", sent=True),
]


@pytest.mark.parametrize("error", [*ERRORS, RuntimeError("a fault of ours")], ids=lambda error: type(error).__name__)
def test_a_queue_that_can_not_be_read_ends_no_watching(error: Exception) -> None:
    async def work() -> None:
        cloud = QueuedJobs(2, ("quota1", "quota2"))

        def refuse(call: Call[Any]) -> None:
            if "quota1" in call.path:
                raise error

        cloud.trouble = refuse
        async with subscribed(cloud, 30.0) as (_, (refused, other)):
            await asyncio.sleep(2 * QUEUE_INTERVAL)
            assert lines(other) == ["Job train1 waits in quota quota2 at place 2 of 2"]
            assert lines(refused) == []
            cloud.jobs |= dict.fromkeys(cloud.jobs, "Succeed")
            await asyncio.sleep(60)
            assert refused.ended
            assert other.ended

    run(work(), limit=2000)


class OneJob:
    """A job that waits in a queue for some time, then ends; takes the place of a client."""

    def __init__(self, seconds: float, error: PAIError | None = None) -> None:
        self.now = 0.0
        self.calls: Counter[str] = Counter()
        self._seconds = seconds
        self._error = error

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        assert attempts == 1
        self.calls[call.action] += 1
        body: dict[str, Any] = {
            "TrainingJobId": "train1",
            "Status": "Submitted" if self.now < self._seconds else "Succeed",
            "ComputeResource": {"ResourceId": "quota1"},
        }
        if call.action == "ListQuotaWorkloads":
            if self._error:
                raise self._error
            place = max(1, 5 - int(self.now // 200))
            others = [{"WorkloadId": f"other{number}"} for number in range(4)]
            body = {
                "Workloads": [*others, {"WorkloadId": "train1", "Position": place, "Reason": "full"}],
                "TotalCount": 5,
            }
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self) -> list[str]:
        """Return what the task's log shows."""
        notified: list[str] = []
        job = wait_for_end(
            self,
            "train1",
            interval=10.0,
            outage=OutagePolicy(lambda *_: None, 100.0, clock=lambda: self.now),
            log=TaskLog(None, Checkpoint()),
            show=notified.extend,
            notify=notified.extend,
            sleep=self.sleep,
            queues=QuotaQueues(self, lambda: self.now),
        )
        assert job.is_success
        return [line for line in notified if "waits in quota" in line]


def test_a_task_that_waits_on_its_worker_shows_its_place() -> None:
    job = OneJob(seconds=600)
    expected = [f"Job train1 waits in quota quota1 at place {place} of 5: full" for place in (5, 4, 3, 2)]
    assert job.wait() in (expected, expected[:3])
    assert job.calls["ListQuotaWorkloads"] <= 1 + 600 / QUEUE_INTERVAL


def test_a_job_that_begins_soon_costs_no_look_at_its_queue() -> None:
    job = OneJob(seconds=FIRST_LOOK / 2)
    assert job.wait() == []
    assert job.calls["ListQuotaWorkloads"] == 0


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_place_that_can_not_be_had_fails_no_task_and_is_rarely_asked_for(error: PAIError) -> None:
    job = OneJob(seconds=REFUSED_INTERVAL - 60, error=error)
    assert job.wait() == []
    passing = isinstance(error, TransportError | ProtocolError)
    assert (1 < job.calls["ListQuotaWorkloads"] <= 1 + REFUSED_INTERVAL / QUEUE_INTERVAL) is passing
