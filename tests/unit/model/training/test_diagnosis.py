from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai import errors
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    JobCapacityError,
    JobCommandError,
    JobDataError,
    JobError,
    JobFailedError,
    JobImageError,
    JobInterruptedError,
    JobPermissionError,
    JobStoppedError,
    JobTimeoutError,
    NotFoundError,
    PAIError,
    Problem,
    ServerError,
    SpecError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.model.training.diagnosis import Diagnosis, diagnose, retry_of
from airflow_provider_pai.model.training.evidence import ErrorInfo, Evidence
from airflow_provider_pai.model.training.failure_reasons import EXIT_CODES, REASONS, Retry
from airflow_provider_pai.model.training.ownership import STOPPING_LABEL
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

RAN = tuple(map(Transition, ("Creating", "Created", "Initializing", "Submitted", "Running", "Failed")))
WAITED = tuple(map(Transition, ("Creating", "Created", "Initializing", "Failed")))


def job(code: str = "", message: str = "", status: str = "Failed", ran: bool = True, **members: object) -> JobSnapshot:
    return JobSnapshot(
        "train1", status, reason_code=code, reason_message=message, transitions=RAN if ran else WAITED, **members
    )  # type: ignore[arg-type]


def seen(diagnosis: Diagnosis) -> tuple[type[JobError], str]:
    return diagnosis.kind, str(diagnosis.retry)


BY_CODE = {
    "StoppedByUser": (JobStoppedError, "never"),
    "JobStoppedByUser": (JobStoppedError, "never"),
    "ResourceAllocateFailed": (JobCapacityError, "later"),
    "QuotaExceeded": (JobCapacityError, "later"),
    "QuotaExceeded.GPU": (JobCapacityError, "later"),
    "OperationDenied.NoStock": (JobCapacityError, "later"),
    "ErrImagePull": (JobImageError, "as usual"),
    "ImagePullBackOff": (JobImageError, "as usual"),
    "ImageNotFound": (JobImageError, "never"),
    "InvalidImageName": (JobImageError, "never"),
    "PodPreempted": (JobInterruptedError, "as usual"),
    "Evicted": (JobInterruptedError, "as usual"),
    "SpotInstanceReclaimed": (JobInterruptedError, "as usual"),
    "Forbidden.RAM": (JobPermissionError, "never"),
    "NoPermission": (JobPermissionError, "never"),
    "AccessDenied": (JobPermissionError, "never"),
    "NoSuchKey": (JobDataError, "as usual"),
    "PreparationFailed": (JobDataError, "as usual"),
    "DataUnavailable": (JobDataError, "as usual"),
    "CodeUnavailable": (JobDataError, "as usual"),
    "RequirementsFailed": (JobDataError, "as usual"),
    "OutputUploadFailed": (JobDataError, "as usual"),
    "MaxRunningTimeExceeded": (JobTimeoutError, "never"),
    "OOMKilled": (JobCommandError, "never"),
    "UserCommandFailed": (JobCommandError, "never"),
    "InternalError": (JobFailedError, "as usual"),
    "ServiceUnavailable": (JobFailedError, "as usual"),
    "LocalServerDied": (JobFailedError, "as usual"),
    "JobFailed": (JobFailedError, "as usual"),
    "SomethingNobodyKnows": (JobFailedError, "as usual"),
    "": (JobFailedError, "as usual"),
}


@pytest.mark.parametrize(("code", "expected"), BY_CODE.items())
def test_a_reason_code_decides(code: str, expected: tuple[type[JobError], str]) -> None:
    assert seen(diagnose(Evidence(job(code)))) == expected


@pytest.mark.parametrize(("code", "expected"), BY_CODE.items())
def test_a_code_of_the_error_information_decides_when_the_job_has_none(
    code: str, expected: tuple[type[JobError], str]
) -> None:
    assert seen(diagnose(Evidence(job("JobFailed"), ErrorInfo(code)))) == expected


BY_WORDS = {
    'Back-off pulling image "reg/a:1": ErrImagePull: dial tcp: i/o timeout': (JobImageError, "as usual"),
    "ImagePullBackOff": (JobImageError, "as usual"),
    'Failed to pull image "a": rpc error: manifest for a:1 not found: manifest unknown': (JobImageError, "never"),
    'Failed to pull image "a": unauthorized: authentication required': (JobImageError, "never"),
    "image not found": (JobImageError, "never"),
    "The image a:1 can't be pulled: there is no such image in PAI's registry": (JobImageError, "never"),
    "pull access denied for a, repository does not exist or may require docker login": (JobImageError, "never"),
    "The job was preempted by a job of higher priority": (JobInterruptedError, "as usual"),
    "Pod train1-master-0 is Evicted": (JobInterruptedError, "as usual"),
    "spot instance i-1 was released": (JobInterruptedError, "as usual"),
    "resource type is not enough": (JobCapacityError, "later"),
    "0/8 nodes are available: 8 Insufficient nvidia.com/gpu.": (JobCapacityError, "later"),
    "The request exceeds the quota of workspace 12345": (JobCapacityError, "later"),
    "GPU quota has been exceeded": (JobCapacityError, "later"),
    "AccessDenied: You have no right to access this object because of bucket acl.": (JobPermissionError, "never"),
    "Forbidden.RAM: the role may not be assumed": (JobPermissionError, "never"),
    "The training job ran longer than its limit of 60 seconds": (JobTimeoutError, "never"),
    "Job exceeded MaxRunningTime": (JobTimeoutError, "never"),
    "Job is stopped by user.": (JobStoppedError, "never"),
    "NoSuchKey: The specified key does not exist": (JobDataError, "as usual"),
    "Container was OOMKilled, exit code 137": (JobCommandError, "never"),
    "internal server error": (JobFailedError, "as usual"),
    # What only looks like one of these.
    "sh: ./train.sh: Permission denied": (JobFailedError, "as usual"),
    "KubeDL job has failed": (JobFailedError, "as usual"),
    "the image data set was read": (JobFailedError, "as usual"),
}


@pytest.mark.parametrize(("message", "expected"), BY_WORDS.items())
def test_without_a_telling_code_the_words_of_a_message_decide(
    message: str, expected: tuple[type[JobError], str]
) -> None:
    assert seen(diagnose(Evidence(job("JobFailed", message)))) == expected
    assert seen(diagnose(Evidence(job("JobFailed"), ErrorInfo("1", message)))) == expected


@pytest.mark.parametrize("code", ["UserCommandFailed", "PreparationFailed", "StoppedByUser"])
@pytest.mark.parametrize("message", BY_WORDS)
def test_a_telling_code_is_believed_more_than_any_words(code: str, message: str) -> None:
    assert diagnose(Evidence(job(code, message))).kind is BY_CODE[code][0]


@pytest.mark.parametrize(
    ("code", "message", "retry"),
    [
        ("ErrImagePull", "manifest unknown", "never"),
        ("ImagePullFailed", "there is no such image", "never"),
        ("ErrImagePull", "dial tcp: i/o timeout", "as usual"),
        ("ImageNotFound", "Back-off pulling image", "never"),
        ("UserCommandFailed", "OOMKilled, exit code 137", "never"),
        ("UserCommandFailed", "exit code 137", "as usual"),
    ],
)
def test_words_may_tell_more_of_what_a_code_names(code: str, message: str, retry: str) -> None:
    assert seen(diagnose(Evidence(job(code, message)))) == (BY_CODE.get(code, (JobImageError,))[0], retry)


BY_EXIT_CODE = {
    1: (JobCommandError, "never"),
    2: (JobCommandError, "never"),
    126: (JobCommandError, "never"),
    127: (JobCommandError, "never"),
    137: (JobCommandError, "as usual"),
    139: (JobCommandError, "never"),
    143: (JobInterruptedError, "as usual"),
    245: (JobCommandError, "as usual"),
}
EXIT_MESSAGES = [
    "Instance train1-master-0 ended with exit code {}",
    "Pod train1-worker-1 exited with code {}",
    "container exited with exit code: {}",
    "terminated (exitCode: {})",
    "exit status {}",
]


@pytest.mark.parametrize(("exit_code", "expected"), BY_EXIT_CODE.items())
@pytest.mark.parametrize("message", EXIT_MESSAGES)
@pytest.mark.parametrize("code", ["UserCommandFailed", "JobFailed", ""])
def test_an_exit_code_tells_more_of_a_failed_command(
    code: str, message: str, exit_code: int, expected: tuple[type[JobError], str]
) -> None:
    diagnosis = diagnose(Evidence(job(code, message.format(exit_code))))
    assert seen(diagnosis) == expected
    assert f"exit code {exit_code}" in diagnosis.cause


def test_each_exit_code_with_a_meaning_has_words_of_its_own() -> None:
    assert set(EXIT_CODES) < set(BY_EXIT_CODE)
    assert len({reason.cause for reason in EXIT_CODES.values()}) == len(EXIT_CODES)


def test_the_only_exit_code_of_the_events_counts_and_of_several_none() -> None:
    events = ("Pod a exited with code 1", "Pod b exited with code 1", "Pod c exited with code 0")
    assert seen(diagnose(Evidence(job("JobFailed"), events=events))) == (JobCommandError, "never")
    collateral = (*events, "Pod d exited with code 143")
    assert seen(diagnose(Evidence(job("JobFailed"), events=collateral))) == (JobFailedError, "as usual")


def test_events_explain_a_job_that_never_ran() -> None:
    events = ("2026-11-24T06:00:00Z Pulling image", "2026-11-24T06:00:09Z resource type is not enough")
    assert diagnose(Evidence(job(ran=False), events=events)).kind is JobCapacityError


def test_what_a_job_waited_for_before_it_ran_is_not_why_it_failed() -> None:
    events = ("2026-11-24T06:00:09Z resource type is not enough",)
    assert diagnose(Evidence(job(), events=events)).kind is JobFailedError
    queued = (Transition("Submitted", reason_code="ResourceAllocateFailed"), *RAN[4:])
    assert diagnose(Evidence(JobSnapshot("train1", "Failed", transitions=queued))).kind is JobFailedError


def test_the_last_status_may_hold_the_reason() -> None:
    last = (*RAN[:-1], Transition("Failed", reason_code="ResourceAllocateFailed"))
    assert diagnose(Evidence(JobSnapshot("train1", "Failed", transitions=last))).kind is JobCapacityError


@pytest.mark.parametrize(("ran", "words"), [(True, "after it had started"), (False, "before its command was started")])
def test_a_failure_without_any_reason_says_how_far_the_job_came(ran: bool, words: str) -> None:
    assert words in diagnose(Evidence(job(ran=ran))).cause


def test_a_job_that_was_stopped_by_whomever_may_be_tried_again() -> None:
    assert seen(diagnose(Evidence(job(status="Terminated")))) == (JobStoppedError, "as usual")


def test_the_exit_code_that_a_stop_leads_to_is_not_why_the_job_ended() -> None:
    events = ("Pod a exited with code 143",)
    assert diagnose(Evidence(job(status="Terminated"), events=events)).kind is JobStoppedError
    assert diagnose(Evidence(job(status="Failed"), events=events)).kind is JobInterruptedError


def test_a_job_that_airflow_itself_stopped_may_be_tried_again() -> None:
    stopped = job("StoppedByUser", status="Terminated", labels={STOPPING_LABEL: "true"})
    diagnosis = diagnose(Evidence(stopped))
    assert seen(diagnosis) == (JobStoppedError, "as usual")
    assert "Airflow" in diagnosis.cause


@pytest.mark.parametrize("overdue", [True, False])
def test_more_time_is_needed_unless_the_next_job_goes_on_from_checkpoints(overdue: bool) -> None:
    evidence = Evidence(job("MaxRunningTimeExceeded"))
    assert seen(diagnose(evidence, overdue=overdue)) == (JobTimeoutError, "never")
    assert seen(diagnose(evidence, overdue=overdue, resumable=True)) == (JobTimeoutError, "as usual")


def test_a_job_that_waited_all_its_time_for_a_machine_may_be_tried_again() -> None:
    diagnosis = diagnose(Evidence(job(status="Submitted", ran=False)), overdue=True)
    assert seen(diagnosis) == (JobTimeoutError, "as usual")
    assert "had not even started" in diagnosis.cause


def test_being_overdue_counts_more_than_any_reason() -> None:
    assert diagnose(Evidence(job("StoppedByUser")), overdue=True).kind is JobTimeoutError


HINTS = {
    "ModuleNotFoundError: No module named 'lightgbm.basic'": "lightgbm.basic: add it to requirements",
    "sh: 1: trian: not found": "trian is not in the image",
    "bash: line 3: trian: command not found": "trian is not in the image",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB": "GPU's memory",
    "MemoryError": "machine's memory",
    "OSError: [Errno 28] No space left on device": "disk was full",
    "ERROR: No matching distribution found for torch==9.9": "no version of torch==9.9",
    "urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool": "network address",
    "FileNotFoundError: [Errno 2] No such file or directory: '/ml/input/data/a.csv'": "/ml/input/data/a.csv",
}


@pytest.mark.parametrize(("line", "hint"), HINTS.items())
def test_the_last_telling_line_of_the_log_adds_a_hint(line: str, hint: str) -> None:
    log = ("No space left on device", "CUDA out of memory", line, "some line")
    assert hint in diagnose(Evidence(job("UserCommandFailed"), log_tail=log)).hint


def test_a_log_in_which_nothing_is_recognised_adds_nothing() -> None:
    assert diagnose(Evidence(job("UserCommandFailed"), log_tail=("epoch 1", "{braces} %s"))).hint == ""


@pytest.mark.parametrize("code", BY_CODE)
@given(log=st.lists(st.sampled_from([*HINTS, *BY_WORDS, *EXIT_MESSAGES, "exit code 1"])))
def test_no_log_changes_what_is_decided(code: str, log: list[str]) -> None:
    silent, talkative = diagnose(Evidence(job(code))), diagnose(Evidence(job(code), log_tail=tuple(log)))
    assert seen(talkative) == seen(silent)
    assert talkative.cause == silent.cause


TEXTS = st.text(max_size=30)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS).map(tuple), st.lists(TEXTS).map(tuple), st.booleans())
def test_whatever_the_service_says_there_is_a_diagnosis_with_advice(
    status: str, code: str, message: str, info: str, events: tuple[str, ...], log: tuple[str, ...], overdue: bool
) -> None:
    evidence = Evidence(job(code, message, status), ErrorInfo(code, info), events, log)
    diagnosis = diagnose(evidence, overdue=overdue)
    assert issubclass(diagnosis.kind, JobError)
    assert diagnosis.cause
    assert diagnosis.advice


def test_every_kind_of_end_can_be_told() -> None:
    kinds = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, JobError)}
    assert {reason.kind for reason in REASONS} == kinds - {JobError}


@pytest.mark.parametrize(
    "reason", [reason for reason in transitions.ReasonCode if reason != transitions.ReasonCode.SUCCEED]
)
def test_every_reason_of_local_pai_is_in_the_table(reason: transitions.ReasonCode) -> None:
    assert [each for each in REASONS if each.has_code(reason)], "a reason of local PAI that nobody can act on"


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (transitions.STOPPED, JobStoppedError),
        (transitions.SERVER_DIED, JobFailedError),
        (transitions.SERVER_STOPPED, JobFailedError),
        (transitions.INTERNAL, JobFailedError),
        (transitions.command_failed("train1-master-0", 3), JobCommandError),
        (transitions.command_failed("train1-master-0", 127), JobCommandError),
        (transitions.command_failed("train1-worker-1", 137), JobCommandError),
        (transitions.command_failed("train1-master-0", 143), JobInterruptedError),
        (transitions.timed_out(60), JobTimeoutError),
        (transitions.preparation_failed("The input channel train is empty"), JobDataError),
        (transitions.not_started("no such interpreter"), JobFailedError),
        (transitions.output_failed("the bucket is gone"), JobDataError),
    ],
)
def test_every_end_of_a_local_job_is_told_apart(outcome: transitions.Outcome, kind: type[JobError]) -> None:
    assert diagnose(Evidence(job(outcome.code, outcome.message, outcome.status))).kind is kind


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
        (PAIError("this attempt is over"), Retry.AS_USUAL),
        (JobFailedError("it ended", job("UserCommandFailed")), Retry.AS_USUAL),
        (ValueError("not ours"), Retry.AS_USUAL),
    ],
    ids=repr,
)
def test_other_errors_are_retried_unless_they_are_bound_to_come_again(error: Exception, retry: Retry) -> None:
    assert retry_of(error) is retry


@pytest.mark.parametrize("code", BY_CODE)
def test_a_jobs_error_is_retried_as_its_diagnosis_says(code: str) -> None:
    diagnosis = diagnose(Evidence(job(code)))
    assert retry_of(diagnosis.kind("it ended", diagnosis.evidence.job, (), diagnosis)) is diagnosis.retry
