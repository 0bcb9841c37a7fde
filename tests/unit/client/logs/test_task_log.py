from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.status import JobSnapshot, Transition
from tests.support.many_jobs import ManyJobs


class Lost(Checkpoint):
    """Can't tell where the log stopped."""

    def open(self, job: JobSnapshot) -> LogCursor:
        raise LookupError("a mistake")


class Broken(LogReader):
    """Has more lines, and can't read them."""

    def __init__(self, client: ManyJobs, job_id: str, warn: Callable[..., Any]) -> None:
        super().__init__(client, job_id, warn)
        self.reads = 0

    def read(self, job: JobSnapshot, pages: int = 1) -> list[str]:
        self.reads += 1
        self.behind = True
        raise LookupError("a mistake")


@pytest.mark.parametrize("lost", [True, False])
def test_an_exception_while_showing_a_job_is_logged_and_does_not_end_the_wait(
    lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    cloud, naps = ManyJobs(1), 0
    reader = Broken(cloud, "train0", print)
    log = TaskLog(reader, Lost() if lost else Checkpoint(), delay=0.0)
    shown: list[str] = []

    def sleep(_: float) -> None:
        nonlocal naps
        naps += 1
        if naps == 3:
            cloud.jobs["train0"] = "Succeed"

    job = wait_for_end(
        cloud,
        "train0",
        interval=1.0,
        outage=OutagePolicy(print),
        log=log,
        show=shown.extend,
        notify=shown.extend,
        sleep=sleep,
    )
    assert job.is_success
    assert shown[-1] == "Job train0: Succeed"
    assert len([line for line in shown if "can't be read on" in line]) == 1
    # It is not tried again and again.
    assert reader.reads == 1
    assert [each.levelno for each in caplog.records if each.exc_info] == [logging.ERROR] * (2 if lost else 1)


ENDED = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
SOME: Sequence[str] = ("a line",)
NONE: Sequence[str] = ()


def pauses(status: str, seconds_later: float, *reads: Sequence[str]) -> list[float]:
    """Return the pauses after a job's end, and so many lines at its end and after each pause."""

    class Reader(LogReader):
        def __init__(self) -> None:
            super().__init__(ManyJobs(), "train1", print)
            self.reads = list(reads)

        def read(self, job: JobSnapshot, pages: int = 1) -> list[str]:
            return list(self.reads.pop(0))

    job = JobSnapshot("train1", status, transitions=[Transition(status, "2026-11-24T12:00:00Z")])
    log = TaskLog(Reader(), Checkpoint(), 3.0)
    log.lines(job)
    made = []
    for pause in log.last_pauses(job, ENDED + timedelta(seconds=seconds_later)):
        made.append(pause)
        log.lines(job)
    return made


def test_a_quiet_log_of_a_job_that_has_succeeded_is_not_waited_for() -> None:
    assert pauses("Succeed", 0.0, NONE) == []


def test_a_log_is_waited_for_until_it_is_quiet() -> None:
    assert pauses("Succeed", 0.0, SOME, NONE) == [1.0]
    assert pauses("Succeed", 0.0, SOME, SOME, NONE) == [1.0, 2.0]


def test_what_has_passed_since_the_end_is_not_waited_for_again() -> None:
    assert pauses("Succeed", 1.5, SOME, NONE) == [0.5]
    assert pauses("Succeed", 3.0, SOME) == []


def test_a_clock_that_is_behind_the_services_shortens_no_wait() -> None:
    assert pauses("Succeed", -3600.0, SOME, NONE) == [1.0]


def test_the_log_of_a_job_that_has_failed_is_waited_for_in_any_case() -> None:
    assert pauses("Failed", 60.0, NONE, NONE, NONE) == [1.0, 2.0]
