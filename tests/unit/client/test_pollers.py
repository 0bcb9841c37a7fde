from __future__ import annotations

import asyncio
import time
from typing import cast

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE
from airflow_provider_pai.client.bookmark import Bookmark
from airflow_provider_pai.client.config import LOG_DELAY
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.client.logs import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.poller import StatusPoller
from airflow_provider_pai.client.pollers import until_end
from airflow_provider_pai.client.task_log import TaskLog
from airflow_provider_pai.client.watch import Progress, Watch
from tests.support.log_server import JOB, LogServer


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
