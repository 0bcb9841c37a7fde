"""Waiting for a job in this thread, with its log lines as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from math import inf

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.logs.task_log import TaskLog
from airflow_provider_pai.client.polling.interval import Backoff, reading_interval, sole_interval
from airflow_provider_pai.client.polling.outage import OutagePolicy
from airflow_provider_pai.client.polling.quota_queues import QuotaQueues
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.status import JobSnapshot

FINAL_READS = 50
"""Reads of the log at each of the last looks, at most: a million lines, where pages are large."""
MORE_TRIES = 5
"""Further looks at a log when its end can't be read for an error that may pass; with the pauses of an outage."""


def wait_for_end(
    client: Sender,
    job_id: str,
    *,
    interval: float,
    outage: OutagePolicy,
    log: TaskLog,
    show: Callable[[Iterable[str]], None],
    notify: Callable[[Iterable[str]], None],
    sleep: Callable[[float], None] = time.sleep,
    backoff: Backoff | None = None,
    now: Callable[[], datetime] = utc_now,
    queues: QuotaQueues | None = None,
) -> JobSnapshot:
    """Ask for the job until it has ended.

    Args:
        client: sends the calls.
        job_id: the job.
        interval: seconds between two looks, at most, while PAI answers; see :func:`sole_interval`.
        outage: decides how long errors are borne.
        log: says what goes into the task's log.
        show: is given new log lines.
        notify: is given what else is new of the job; its end after its last log lines.
        sleep: waits, in seconds.
        backoff: makes the looks of an outage rarer; by default as :class:`Backoff` does.
        now: the time, in UTC.
        queues: reads the queue of the quota that the job waits in.

    Raises:
        PAIError: asking on makes no sense, see :class:`OutagePolicy`.
    """
    backoff = backoff or Backoff()
    status, quiet, unread = "", 0.0, inf
    queues = queues or QuotaQueues(client)
    while True:
        snapshot = _look(client, job_id, outage, backoff)
        if snapshot is not None:
            notify([*log.changes(snapshot), *log.place_lines(snapshot, queues.of)])
            is_new = snapshot.status != status
            # Its log costs calls of its own, and a line may come later than the end.
            if is_new or unread >= reading_interval(interval, quiet):
                show(log.lines(snapshot))
                unread = 0.0
            if snapshot.is_terminal:
                break
            if is_new:
                status, quiet = snapshot.status, 0.0
            if log.behind:
                unread = inf
                continue
        pause = backoff.pause(sole_interval(interval, quiet))
        sleep(pause)
        quiet += pause
        unread += pause
    if log.behind:
        _catch_up(snapshot, log, show)
    for pause in chain(log.last_pauses(snapshot, now()), _more_pauses(log, backoff, sole_interval(interval, 0.0))):
        sleep(pause)
        _catch_up(snapshot, log, show)
    notify(log.gap_notes())
    notify(log.end_lines(snapshot))
    return snapshot


def _more_pauses(log: TaskLog, backoff: Backoff, interval: float) -> Iterator[float]:
    """Yield the seconds before each further look, while an error that may pass keeps the end of the log away."""
    for _ in range(MORE_TRIES):
        if (error := log.passing_error) is None:
            return
        backoff.record_error(error)
        yield backoff.pause(interval)


def _catch_up(snapshot: JobSnapshot, log: TaskLog, show: Callable[[Iterable[str]], None]) -> None:
    """Show what a talkative job has left behind."""
    for _ in range(FINAL_READS):
        show(log.lines(snapshot))
        if not log.behind:
            return


def _look(client: Sender, job_id: str, outage: OutagePolicy, backoff: Backoff) -> JobSnapshot | None:
    try:
        snapshot = client.send(get_training_job(job_id), attempts=1)
    except PAIError as error:
        outage.record_error(error)
        backoff.record_error(error)
        return None
    outage.record_answer()
    backoff.reset()
    return snapshot
