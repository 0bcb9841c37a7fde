from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE
from airflow_provider_pai.client.logs.checkpoint import Checkpoint
from airflow_provider_pai.client.logs.reader import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.poller import StatusPoller
from airflow_provider_pai.client.polling.registry import until_end
from airflow_provider_pai.client.polling.subscription import JobUpdate, Subscription
from airflow_provider_pai.client.transport.config import LOG_DELAY
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import AuthError, PAIError, ServerError, ThrottledError, TransportError
from tests.support.log_server import JOB, LogServer

NO_ANSWER = TransportError("no answer", sent=True)
THROTTLED = ThrottledError("ListTrainingJobLogs", 429, "Throttling.User", "slow down")
BROKEN = ServerError("ListTrainingJobLogs", 500, "InternalError", "broken")


def handed_on(server: LogServer, delay: float) -> list[JobUpdate]:
    """Return what a watch gets of a job that has ended, after a round that read nothing of its log."""
    server.status = "Succeed"
    job = server.got()
    log = TaskLog(LogReader(server, JOB, print), Checkpoint(), delay)
    subscription = Subscription(JOB, 10.0, OutagePolicy(print), log)
    subscription.updates.put(JobUpdate(job, tuple(log.changes(job)), log.cursor))

    async def collected() -> list[JobUpdate]:
        poller = StatusPoller(cast("PAIClient", server))
        found = [progress async for progress in until_end(poller, subscription)]
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


@pytest.mark.parametrize("error", [NO_ANSWER, THROTTLED, BROKEN])
def test_an_end_of_a_log_that_can_not_be_read_now_is_left_to_somebody_with_more_time(error: PAIError) -> None:
    server = LogServer(2500, errors=[None, error, error, error])
    *before, last = handed_on(server, delay=0.3)
    assert [line for progress in before for line in progress.lines] == server.lines[:1000]
    assert not any(progress.unread for progress in before)
    assert last.unread
    assert last.lines == ()
    assert last.cursor.lines == {"": 1000}


def test_an_error_before_the_last_look_leaves_nothing_unread() -> None:
    server = LogServer(3, errors=[THROTTLED, THROTTLED])
    found = handed_on(server, delay=0.3)
    assert [line for progress in found for line in progress.lines] == [*server.lines, "Job train1: Succeed"]
    assert not any(progress.unread for progress in found)


def test_a_log_that_is_refused_for_good_is_told_to_be_missing() -> None:
    server = LogServer(3, errors=[AuthError("ListTrainingJobLogs", 403, "Forbidden", "no")] * 3)
    last = handed_on(server, delay=0.3)[-1]
    assert not last.unread
    missing, end = last.lines
    assert "Forbidden" in missing
    assert end == "Job train1: Succeed"
