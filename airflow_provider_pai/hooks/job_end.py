"""The end of a job as its task sees it: the result, a skip, or an error that says what happened and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_pai.model.function.report import Report
from airflow_provider_pai.model.training.diagnosis import Diagnosis
from airflow_provider_pai.model.training.exit_code import exit_codes, known_exit_code
from airflow_provider_pai.model.training.outcome import job_error, result
from airflow_provider_pai.model.training.status import JobSnapshot

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.training import PAITrainingHook


def finish(
    hook: PAITrainingHook,
    seen: JobSnapshot,
    *,
    log_shown: bool,
    resumable: bool = False,
    has_page: bool = True,
    skip_on_exit_code: int | Sequence[int] | None = None,
) -> tuple[JobSnapshot, dict[str, Any], Report]:
    """Return a job that has ended well with all its metrics, the task's result, and what the job has reported.

    Args:
        hook: reads what the end of the job needs.
        seen: the job as it was last seen.
        log_shown: whether the task's log shows the job's, so that an error does not say it again.
        resumable: whether another job resumes where this one stopped.
        has_page: whether the job has a page.
        skip_on_exit_code: exit codes that skip the task.

    Raises:
        JobError: the job ended badly.
        AirflowSkipException: it ended with an exit code that skips the task.
    """
    job, report = hook.with_report(hook.with_metrics(seen))
    url = hook.console_url(job.job_id)
    if not job.is_success:
        diagnosis = hook.diagnose(job, resumable=resumable)
        if skip_on_exit_code is not None:
            _skip(hook, diagnosis, report, exit_codes(skip_on_exit_code))
        raise job_error(diagnosis, url, log_shown=log_shown, report=report)
    return job, result(job, url if has_page else None, report.result), report


def report_model(hook: PAITrainingHook, job: JobSnapshot, model_uri: str | None, log: Any) -> None:
    """Say in a task's log where the model of a job that has succeeded lies, or that there is none.

    Args:
        hook: looks into the folder.
        job: the job.
        model_uri: the folder; None for a job without one: another program than this provider may have started it.
        log: the logger.
    """
    if model_uri and hook.is_empty(job, model_uri):
        text = "Job %s has succeeded and left no model: %s has no file with content that is from this job"
        log.warning(text, job.job_id, model_uri)
    elif model_uri:
        log.info("Job %s has succeeded; its model is at %s", job.job_id, model_uri)
    else:
        log.info("Job %s has succeeded", job.job_id)


def _skip(hook: PAITrainingHook, diagnosis: Diagnosis, report: Report, codes: Sequence[int]) -> None:
    code = known_exit_code(diagnosis.details, report.exit_code)
    if code in codes:
        text = f"the command of job {diagnosis.details.job.job_id} ended with exit code {code}, which skips the task"
        raise AirflowSkipException(text)
    if code is None:
        hook.log.info("PAI does not say which exit code the command ended with, so skip_on_exit_code can't count")
