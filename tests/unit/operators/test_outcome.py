"""What a job's end and other errors mean to Airflow."""

from __future__ import annotations

import pytest

from airflow_provider_pai import errors
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    JobError,
    JobFailedError,
    NotFoundError,
    PAIError,
    ServerError,
    SpecError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.diagnosis import diagnose
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.failure_reasons import FailureKind, Retry
from airflow_provider_pai.model.training.outcome import ERROR_CLASSES, job_error
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.operators.outcome import retry_of


def test_every_kind_of_failure_has_an_error_class_of_its_own() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, JobError)}
    assert set(ERROR_CLASSES) == set(FailureKind)
    assert set(ERROR_CLASSES.values()) == classes - {JobError}


def refusal(
    code: str, status: int = 400, kind: type[APIError] = APIError, operation: str = "CreateTrainingJob"
) -> APIError:
    return kind(operation, status, code, "no", "ID")


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (SpecError([Problem("command", "is missing")]), Retry.NEVER),
        (refusal("Forbidden.RAM", 403, AuthError), Retry.NEVER),
        (refusal("InvalidParameter"), Retry.NEVER),
        (refusal("InvalidParameter.EcsSpec"), Retry.NEVER),
        (refusal("MissingParameter"), Retry.NEVER),
        (refusal("BadRequest"), Retry.NEVER),
        (refusal("InvalidTimeStamp.Expired"), Retry.AS_USUAL),
        (refusal("QuotaExceeded"), Retry.LATER),
        (refusal("JobLimitExceeded.Workspace"), Retry.LATER),
        (refusal("Whatever"), Retry.AS_USUAL),
        (refusal("BadRequest", operation="GetTrainingJob"), Retry.AS_USUAL),
        (refusal("TRAINING_JOB_NOT_FOUND", 404, NotFoundError, "GetTrainingJob"), Retry.AS_USUAL),
        (refusal("Conflict", 409, ConflictError), Retry.AS_USUAL),
        (refusal("Throttling.User", 400, ThrottledError), Retry.AS_USUAL),
        (refusal("InternalError", 500, ServerError), Retry.AS_USUAL),
        (TransportError("no answer", sent=True), Retry.AS_USUAL),
        (PAIError("any error"), Retry.AS_USUAL),
        (JobFailedError("it ended", JobSnapshot("train1", "Failed")), Retry.AS_USUAL),
        (ValueError("not ours"), Retry.AS_USUAL),
    ],
    ids=repr,
)
def test_other_errors_are_retried_unless_they_are_bound_to_come_again(error: Exception, retry: Retry) -> None:
    assert retry_of(error) is retry


@pytest.mark.parametrize("code", ["StoppedByUser", "QuotaExceeded", "ErrImagePull", "UserCommandFailed"])
def test_a_jobs_error_is_retried_as_its_diagnosis_says(code: str) -> None:
    diagnosis = diagnose(FailureDetails(JobSnapshot("train1", "Failed", reason_code=code)))
    assert retry_of(job_error(diagnosis, "console")) is diagnosis.retry
