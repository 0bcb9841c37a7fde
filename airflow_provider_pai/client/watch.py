"""One job that somebody waits for, and what is passed on to them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.task_log import TaskLog
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.cursor import LogCursor
from airflow_provider_pai.model.status import JobSnapshot


@dataclass(frozen=True)
class Progress:
    """What was found out about a job.

    Attributes:
        snapshot: the job.
        lines: what is new, for the task's log: statuses, progress, log lines.
        cursor: what the task's log shows when it shows these lines, too.
    """

    snapshot: JobSnapshot
    lines: tuple[str, ...]
    cursor: LogCursor


@dataclass(eq=False)
class Watch:
    """One waiting for one job.

    Attributes:
        job_id: the job.
        interval: seconds between two looks.
        patience: decides how long errors are borne.
        log: says what goes into the task's log.
        looked_at: whether a round has begun to look.
        ended: whether no round needs to look again.
        last_read: number of the round that read the job's log last.
        queue: what waits to be passed on.
    """

    job_id: str
    interval: float
    patience: Patience
    log: TaskLog
    looked_at: bool = False
    ended: bool = False
    last_read: int = 0
    queue: asyncio.Queue[Progress | PAIError] = field(default_factory=asyncio.Queue)
