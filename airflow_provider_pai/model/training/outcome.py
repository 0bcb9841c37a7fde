"""What the end of a job is to who waited for it: the result, or the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pai import errors
from airflow_provider_pai.errors import JobError, shortened
from airflow_provider_pai.model.names import MODEL_CHANNEL
from airflow_provider_pai.model.training.additions import BUNDLE_NAME_LABEL, BUNDLE_VERSION_LABEL

if TYPE_CHECKING:
    from airflow_provider_pai.model.function.report import Report
    from airflow_provider_pai.model.training.diagnosis import Diagnosis
    from airflow_provider_pai.model.training.failure_details import FailureDetails
    from airflow_provider_pai.model.training.status import JobSnapshot

_INFO_LINES = 10
ERROR_CLASSES: Mapping[str, type[JobError]] = {
    "unexplained": errors.JobFailedError,
    "command": errors.JobCommandError,
    "data": errors.JobDataError,
    "image": errors.JobImageError,
    "permission": errors.JobPermissionError,
    "capacity": errors.JobCapacityError,
    "interrupted": errors.JobInterruptedError,
    "stopped": errors.JobStoppedError,
    "timeout": errors.JobTimeoutError,
}
"""The error of each kind of failure (:class:`~airflow_provider_pai.model.training.failure_reasons.FailureKind`)."""


def result(job: JobSnapshot, console_url: str | None, reported: Any = None) -> dict[str, Any]:
    """Return the task's result: small, documented, plain JSON.

    Args:
        job: the job.
        console_url: its page; None for a job on the worker.
        reported: what the job has reported as its result.
    """
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
        "bundle_name": job.labels.get(BUNDLE_NAME_LABEL),
        "bundle_version": job.labels.get(BUNDLE_VERSION_LABEL),
        "result": reported,
    }


def job_error(
    diagnosis: Diagnosis, console_url: str, *, log_shown: bool = False, report: Report | None = None
) -> JobError:
    """Return the error of a job that has ended badly; its last lines say what happened and what to do.

    Args:
        diagnosis: why it ended so.
        console_url: the job's page.
        log_shown: whether the task's log shows the job's log already, so that its end is not said again.
        report: what the job has reported; the exception of a function comes last.
    """
    details = diagnosis.details
    job = details.job
    lines = [
        f"training job {job.job_id} ended as {job.status}: {job.reason or 'PAI gives no reason'}"
        if job.is_terminal
        else f"training job {job.job_id} was {job.status} when its time was over; it was stopped",
        *_listed("error information", _error_lines(details)),
        *_listed("events", details.telling_events()),
        *_listed("last log lines of the job", () if log_shown else details.log_tail),
        f"console: {console_url}",
        f"what happened: {diagnosis.cause}" + (f"; the log says that {diagnosis.hint}" if diagnosis.hint else ""),
        f"what to do: {diagnosis.advice}",
    ]
    text = "\n".join(map(shortened, lines))
    if report and report.error:
        text += f"\n{report.error.traceback.rstrip()}"
    error = ERROR_CLASSES[diagnosis.kind](text, job, details.log_tail, diagnosis)
    error.result = report.result if report else None
    return error


def _error_lines(details: FailureDetails) -> list[str]:
    """Return what the error information adds to the job's reason and its last log lines."""
    info = details.error
    said = ": ".join(part for part in (info.code, info.message) if part)
    seen = {details.job.reason, *details.log_tail}
    more = [line for line in info.additional_info.splitlines() if line.strip() and line not in seen]
    return [*([said] if said and said not in seen else []), *more[-_INFO_LINES:]]


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    indented = [f"  {line}" for line in lines]
    return [f"{title}:", *indented] if indented else []
