"""What the end of a job means for its task: the result, or the error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import AuthError, JobError, JobFailedError, JobStoppedError, SpecError
from airflow_provider_pai.model.spec import MODEL_CHANNEL
from airflow_provider_pai.model.status import JobSnapshot, JobStatus

NO_RETRY = (SpecError, AuthError)
"""Errors that another attempt would meet again."""


def result(job: JobSnapshot, console_url: str) -> dict[str, Any]:
    """Return the task's result: small, documented, plain JSON."""
    return {
        "model_uri": job.outputs.get(MODEL_CHANNEL),
        "job_id": job.job_id,
        "job_name": job.name,
        "status": str(job.status),
        "outputs": dict(job.outputs),
        "metrics": dict(job.metrics),
        "console_url": console_url,
        "image_uri": job.image_uri or None,
        "code_uri": job.code_uri or None,
        "duration_s": job.duration_s,
    }


def job_error(job: JobSnapshot, console_url: str, log_tail: Sequence[str]) -> JobError:
    """Return the error of a job that has ended without success."""
    kind = JobStoppedError if job.status == JobStatus.TERMINATED else JobFailedError
    reason = job.reason or "PAI gives no reason"
    return kind(f"training job {job.job_id} ended as {job.status}: {reason}. See {console_url}", job, log_tail)


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Fail the task without retry where a retry can't help: wrong arguments, wrong credentials."""
    try:
        yield
    except NO_RETRY as error:
        raise AirflowFailException(str(error)) from error
