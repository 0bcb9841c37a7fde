"""A job as it was seen at one moment, with all that a page shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_pai.model.function.report import Report
from airflow_provider_pai.model.monitor.curve import Curve
from airflow_provider_pai.model.training.diagnosis import Diagnosis
from airflow_provider_pai.model.training.status import JobSnapshot


@dataclass(frozen=True)
class JobObservation:
    """A job, and what was read of it. What could not be read is empty, and named in ``unread``.

    Attributes:
        job: the job.
        seen: when it was read.
        events: its events, oldest first; read while it waits.
        waiting_before: waiting jobs of the workspace that were created before it; None when that is not known.
        running: jobs of the workspace that run; None when that is not known.
        log: its last log lines as a person reads them, oldest first.
        log_total: number of lines of its log.
        report: what it has reported itself.
        progressed: when its last reported progress was first seen; None before any.
        curves: its metrics by name.
        diagnosis: why it ended badly; None for a job that did not.
        unread: what could not be read, and why.
        is_settled: whether the job has ended and all of it was read, so that nothing is to be asked any more.
    """

    job: JobSnapshot
    seen: datetime
    events: tuple[str, ...] = ()
    waiting_before: int | None = None
    running: int | None = None
    log: tuple[str, ...] = ()
    log_total: int = 0
    report: Report = field(default_factory=Report)
    progressed: datetime | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    unread: tuple[str, ...] = ()
    is_settled: bool = False
