"""Looking at a job for a page: what is read, in how many calls, and what becomes of what can't be read."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.errors import APIError, PAIError, TransportError
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.lifecycle.training.observer import JobObserver

START = datetime(2026, 1, 1, tzinfo=UTC)
CREATED = "2026-01-01T00:00:00Z"
LINE = "##pai-report "


class JobService:
    """One job, and what can be asked of it; an operation that is to fail raises its error."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = {"TrainingJobId": "train1", "Status": "Running", "GmtCreateTime": CREATED}
        self.others: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.points: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.failures: dict[str, PAIError] = {}
        self.asked: Counter[str] = Counter()
        self.now = START

    def observer(self) -> JobObserver:
        jobs = TrainingJobs(self, "12345", logging.getLogger(__name__))
        return JobObserver(self, jobs, "12345", "train1", now=lambda: self.now)

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        self.asked[call.action] += 1
        if error := self.failures.get(call.action):
            raise error
        lists = {
            "ListTrainingJobLogs": ("Logs", self.lines),
            "ListTrainingJobMetrics": ("Metrics", self.points),
            "ListTrainingJobEvents": ("Events", self.events),
            "ListTrainingJobs": ("TrainingJobs", [self.job, *self.others]),
        }
        body: dict[str, Any] = {"ErrorInfo": {}}
        if call.action == "GetTrainingJob":
            body = self.job
        elif call.action in lists:
            member, items = lists[call.action]
            number, size = int(call.query["PageNumber"]), int(call.query["PageSize"])
            body = {member: items[(number - 1) * size : number * size], "TotalCount": len(items)}
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def end(self, status: str) -> None:
        at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.job |= {"Status": status, "StatusTransitions": [{"Status": status, "StartTime": at}]}


@pytest.fixture
def service() -> JobService:
    return JobService()


def test_a_job_that_waits_is_asked_for_its_place_and_not_for_its_log(service: JobService) -> None:
    service.job["Status"] = "Submitted"
    service.events = ["no machine yet"]
    service.others = [
        {"TrainingJobId": f"train{number}", "Status": "Submitted", "GmtCreateTime": f"2025-12-3{number % 2}T00:00:00Z"}
        for number in (2, 3)
    ]
    service.others.append({"TrainingJobId": "t", "Status": "Submitted", "GmtCreateTime": "2026-01-02T00:00:00Z"})
    seen = service.observer().observe()
    assert (seen.waiting_before, seen.running, seen.events) == (2, 4, ("no machine yet",))
    assert set(service.asked) == {"GetTrainingJob", "ListTrainingJobs", "ListTrainingJobEvents"}


def test_a_job_that_runs_costs_two_calls_a_look(service: JobService) -> None:
    observer = service.observer()
    for _ in range(5):
        service.lines += ["a line"] * 100
        seen = observer.observe()
    assert (len(seen.log), seen.log_total) == (200, 500)
    assert service.asked == {"GetTrainingJob": 5, "ListTrainingJobLogs": 5}


def test_what_a_job_reports_is_collected_over_looks(service: JobService) -> None:
    observer = service.observer()
    service.lines += [f'{LINE}{{"progress": 0.2}}', f'{LINE}{{"metric": "loss", "value": 3, "step": 0}}']
    observer.observe()
    service.now += timedelta(seconds=60)
    service.lines.append(f'{LINE}{{"progress": 0.4, "text": "e"}}')
    service.lines.append(f'{LINE}{{"metric": "loss", "value": null, "step": 1}}')
    seen = observer.observe()
    assert (seen.report.progress, seen.report.text, seen.progressed) == (0.4, "e", service.now)
    assert seen.curves["loss"].points == ((0.0, 3.0), (1.0, None))
    service.now += timedelta(seconds=60)
    assert observer.observe().progressed == service.now - timedelta(seconds=60)


def test_the_last_lines_are_those_that_a_person_reads(service: JobService) -> None:
    observer = service.observer()
    service.lines = ["first", *[f'{LINE}{{"metric": "loss", "value": 1}}'] * 5000, f'{LINE}{{"progress": 0.1}}']
    assert observer.observe().log == ("first", "Progress: 10%")
    service.lines += [f'{LINE}{{"progress": 0.2}}', "last"]
    seen = observer.observe()
    assert (seen.log, seen.log_total) == (("first", "Progress: 20%", "last"), 5004)


def test_metrics_of_pai_are_read_where_the_job_has_some_and_its_own_count_more(service: JobService) -> None:
    service.job["AlgorithmSpec"] = {"MetricDefinitions": [{"Name": "loss", "Regex": "x"}]}
    service.points = [
        {"Name": name, "Timestamp": f"2026-01-01T00:00:{second:02}Z", "Value": second}
        for name in ("loss", "acc")
        for second in range(3)
    ]
    service.lines = [f'{LINE}{{"metric": "acc", "value": 1, "step": 7}}']
    seen = service.observer().observe()
    assert seen.curves["loss"].points == ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0))
    assert seen.curves["acc"].points == ((7.0, 1.0),)


def test_what_can_not_be_read_is_named_and_read_later(service: JobService) -> None:
    service.lines = ["a line"]
    service.failures["ListTrainingJobLogs"] = TransportError("no answer", sent=True)
    observer = service.observer()
    assert observer.observe().unread == ("The log can't be read: no answer",)
    service.failures.clear()
    seen = observer.observe()
    assert (seen.log, seen.unread) == (("a line",), ())


def test_a_job_without_an_instance_has_no_log_yet(service: JobService) -> None:
    service.failures["ListTrainingJobLogs"] = APIError("L", 404, "TRAINING_JOB_INSTANCE_NOT_FOUND", "none")
    seen = service.observer().observe()
    assert (seen.log, seen.unread) == ((), ())


def test_a_job_that_failed_is_diagnosed_from_its_log(service: JobService) -> None:
    service.lines = ["ModuleNotFoundError: No module named 'xgboost'"]
    service.end("Failed")
    diagnosis = service.observer().observe().diagnosis
    assert diagnosis is not None
    assert diagnosis.hint == "Python has no module xgboost"


def test_a_job_is_settled_when_no_more_lines_can_come(service: JobService) -> None:
    observer = service.observer()
    service.end("Succeed")
    assert not observer.observe().is_settled
    service.now += timedelta(seconds=30)
    assert observer.observe().is_settled
    service.failures["ListTrainingJobLogs"] = TransportError("no answer", sent=True)
    assert not observer.observe().is_settled


def test_a_job_that_is_gone_is_an_error(service: JobService) -> None:
    service.failures["GetTrainingJob"] = APIError("GetTrainingJob", 404, "NotFound", "gone")
    with pytest.raises(APIError):
        service.observer().observe()
