"""Gathers what the service says of a job that ended badly."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_pai.api.training import get_training_job_error_info, list_training_job_events
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.training.failure_details import ErrorInfo, FailureDetails
from airflow_provider_pai.model.training.status import JobSnapshot

_ATTEMPTS = 2
"""The task has failed already; what can't be read soon is left out."""


def read_failure_details(
    client: Sender, job: JobSnapshot, log_tail: tuple[str, ...], warn: Callable[..., None]
) -> FailureDetails:
    """Return all that can be read about a job. What can't be is left empty: the job's failure is what counts.

    Args:
        client: sends the calls.
        job: the job, as it was last seen.
        log_tail: its last log lines.
        warn: called as a logger's ``warning`` for what can't be read.
    """
    error = ErrorInfo()
    events: tuple[str, ...] = ()
    try:
        error = client.send(get_training_job_error_info(job.job_id), attempts=_ATTEMPTS)
    except PAIError as problem:
        warn("The error information of job %s can't be read (%s)", job.job_id, problem)
    try:
        events = _last_events(client, job.job_id)
    except PAIError as problem:
        warn("The events of job %s can't be read (%s)", job.job_id, problem)
    return FailureDetails(job, error, events, log_tail)


def _last_events(client: Sender, job_id: str) -> tuple[str, ...]:
    """Return the first page of events and the last two: they come oldest first, as log lines do [inferred]."""
    first = client.send(list_training_job_events(job_id), attempts=_ATTEMPTS)
    size = len(first.lines)
    if not size or first.total <= size:
        return first.lines
    last = -(-first.total // size)
    pages = [
        client.send(list_training_job_events(job_id, page=page), attempts=_ATTEMPTS).lines
        for page in range(max(2, last - 1), last + 1)
    ]
    return sum(pages, first.lines)
