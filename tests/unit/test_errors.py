from __future__ import annotations

import copy
import pickle

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
    ProtocolError,
    ServerError,
    SpecError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.diagnosis import diagnose
from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

SNAPSHOT = JobSnapshot(
    "train1a2b3c4d5e6", "Failed", labels={"a": "b"}, metrics={"loss": 0.5}, transitions=(Transition("Failed"),)
)
JOB_ERRORS = [
    errors.JobError,
    errors.JobFailedError,
    errors.JobCommandError,
    errors.JobDataError,
    errors.JobImageError,
    errors.JobPermissionError,
    errors.JobCapacityError,
    errors.JobInterruptedError,
    errors.JobStoppedError,
    errors.JobTimeoutError,
]
ONE_OF_EACH = [
    PAIError("something"),
    SpecError([Problem("command", "is missing"), Problem("image_uri", "is missing")]),
    TransportError("no answer", sent=False),
    ProtocolError("not JSON", "<html>"),
    *(kind("GetTrainingJob", 400, "Code", "message", "ID") for kind in (APIError, AuthError, NotFoundError)),
    errors.CredentialsError("AssumeRole", 404, "EntityNotExist.Role", "message", "ID", check="role_arn"),
    *(kind("GetTrainingJob", 500, "Code", "message") for kind in (ConflictError, ServerError)),
    ThrottledError("CreateTrainingJob", 400, "Throttling.User", "slow down", "ID", 1.5),
    errors.ServiceError("Version 3 of service churn failed: it crashes"),
    *(kind("it ended", SNAPSHOT, ["line 1", "line 2"], diagnose(FailureDetails(SNAPSHOT))) for kind in JOB_ERRORS),
]


def test_one_of_each_class_is_tested() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PAIError)}
    assert {type(error) for error in ONE_OF_EACH} == classes


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling_with_its_attributes(error: PAIError, protocol: int) -> None:
    error.add_note("a note")
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is type(error)
    assert (str(back), back.args, vars(back)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_an_error_can_be_copied(error: PAIError) -> None:
    assert str(copy.copy(error)) == str(error)
    assert vars(copy.deepcopy(error)) == vars(error)


def test_a_single_problem_is_the_whole_message() -> None:
    assert str(SpecError([Problem("command", "is missing")])) == "command is missing"


def test_several_problems_are_counted_and_listed_line_by_line() -> None:
    error = SpecError(Problem(name, "is missing") for name in ("command", "image_uri"))
    assert str(error) == "2 problems:\n  - command is missing\n  - image_uri is missing"
    assert error.problems == (Problem("command", "is missing"), Problem("image_uri", "is missing"))


def test_a_spec_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="command"):
        raise SpecError([Problem("command", "is missing")])


def test_a_body_that_cannot_be_read_is_shown_only_in_part() -> None:
    text = str(ProtocolError("not JSON", "x" * 257 + "SECRET"))
    assert "x" * 256 + "..." in text
    assert "SECRET" not in text
    assert "..." not in str(ProtocolError("not JSON", "x" * 256))


def test_a_refusal_says_what_was_asked_what_came_back_and_whom_to_ask() -> None:
    text = str(APIError("CreateTrainingJob", 400, "InvalidParameter", "EcsSpec is wrong", "REQUEST-ID"))
    for part in ("CreateTrainingJob", "InvalidParameter", "EcsSpec is wrong", "400", "REQUEST-ID"):
        assert part in text


def test_a_refusal_without_code_and_request_id_reads_well() -> None:
    assert "no code: no message (HTTP 500, request id none)" in str(
        ServerError("GetTrainingJob", 500, "", "no message")
    )


def test_an_auth_error_says_what_to_check() -> None:
    assert "access_key_secret" in str(AuthError("GetTrainingJob", 403, "Forbidden", "no"))


def test_each_kind_of_failed_job_is_caught_as_a_failed_job() -> None:
    apart = {errors.JobError, errors.JobStoppedError, errors.JobTimeoutError}
    assert all(issubclass(kind, JobError) for kind in JOB_ERRORS)
    assert {kind for kind in JOB_ERRORS if not issubclass(kind, JobFailedError)} == apart


def test_missing_credentials_name_the_fields_to_check_and_no_http_status_before_a_request() -> None:
    refused = errors.CredentialsError("AssumeRole", 404, "EntityNotExist.Role", "no such role", "ID", check="role_arn")
    assert str(refused) == (
        "AssumeRole was refused: EntityNotExist.Role: no such role (HTTP 404, request id ID)"
        ". Check role_arn of the Airflow connection"
    )
    local = errors.CredentialsError("AssumeRoleWithOIDC", 0, "", "no file", check="oidc_token_file")
    assert str(local) == "AssumeRoleWithOIDC: no file. Check oidc_token_file of the Airflow connection"
