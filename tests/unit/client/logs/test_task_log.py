from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.blocking import wait_for_end
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.model.training.log_cursor import LogCursor
from airflow_provider_pai.model.training.status import JobSnapshot
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
def test_a_mistake_in_showing_a_job_is_told_and_ends_no_waiting(lost: bool, caplog: pytest.LogCaptureFixture) -> None:
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
