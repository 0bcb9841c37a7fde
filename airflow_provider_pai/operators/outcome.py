"""What the end of a job means for its task: the result, or the error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import AuthError, JobError, PAIError, SpecError, shortened
from airflow_provider_pai.model.names import MODEL_CHANNEL

if TYPE_CHECKING:
    from airflow_provider_pai.model.training.diagnosis import Diagnosis
    from airflow_provider_pai.model.training.failure_details import Evidence
    from airflow_provider_pai.model.training.status import JobSnapshot

_INFO_LINES = 10
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


def job_error(diagnosis: Diagnosis, console_url: str) -> JobError:
    """Return the error of a job that has ended badly: what happened, what to do, and what the service says."""
    evidence = diagnosis.evidence
    job = evidence.job
    lines = [
        f"training job {job.job_id} ended as {job.status}: {job.reason or 'PAI gives no reason'}"
        if job.is_terminal
        else f"training job {job.job_id} was {job.status} when its time was over; it was stopped",
        f"what happened: {diagnosis.cause}" + (f"; the log says that {diagnosis.hint}" if diagnosis.hint else ""),
        f"what to do: {diagnosis.advice}",
        f"console: {console_url}",
        *_listed("error information", _error_lines(evidence)),
        *_listed("events", evidence.telling_events()),
    ]
    return diagnosis.kind("\n".join(map(shortened, lines)), job, evidence.log_tail, diagnosis)


def _error_lines(evidence: Evidence) -> list[str]:
    """Return what the error information adds to the job's reason and its last log lines."""
    info = evidence.error
    said = ": ".join(part for part in (info.code, info.message) if part)
    seen = {evidence.job.reason, *evidence.log_tail}
    more = [line for line in info.additional_info.splitlines() if line.strip() and line not in seen]
    return [*([said] if said and said not in seen else []), *more[-_INFO_LINES:]]


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    indented = [f"  {line}" for line in lines]
    return [f"{title}:", *indented] if indented else []


@contextmanager
def airflow_errors(*, fail_fast: bool = False) -> Iterator[None]:
    """Fail the task without retry where a retry can't help: wrong arguments, wrong credentials.

    Args:
        fail_fast: do so, too, for jobs that would end the same way again.
    """
    try:
        yield
    except NO_RETRY as error:
        raise AirflowFailException(str(error)) from error
    except PAIError as error:
        # Loaded where it is first used: reading a DAG file needs no table of reasons.
        from airflow_provider_pai.model.training.diagnosis import retry_of
        from airflow_provider_pai.model.training.failure_reasons import Retry

        if fail_fast and retry_of(error) is Retry.NEVER:
            raise AirflowFailException(str(error)) from error
        raise
