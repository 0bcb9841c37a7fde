from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.jobs import transitions
from airflow_provider_pai.model.training.diagnosis import Diagnosis, diagnose
from airflow_provider_pai.model.training.failure_details import ErrorInfo, FailureDetails
from airflow_provider_pai.model.training.failure_reasons import EXIT_CODES, REASONS, FailureKind
from airflow_provider_pai.model.training.ownership import STOPPED_BY_LABEL, STOPPING_LABEL
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

RAN = tuple(map(Transition, ("Creating", "Created", "Initializing", "Submitted", "Running", "Failed")))
WAITED = tuple(map(Transition, ("Creating", "Created", "Initializing", "Failed")))


def job(code: str = "", message: str = "", status: str = "Failed", ran: bool = True, **members: object) -> JobSnapshot:
    return JobSnapshot(
        "train1", status, reason_code=code, reason_message=message, transitions=RAN if ran else WAITED, **members
    )  # type: ignore[arg-type]


def seen(diagnosis: Diagnosis) -> tuple[FailureKind, str]:
    return diagnosis.kind, str(diagnosis.retry)


BY_CODE = {
    "StoppedByUser": (FailureKind.STOPPED, "never"),
    "JobStoppedByUser": (FailureKind.STOPPED, "never"),
    "ResourceAllocateFailed": (FailureKind.CAPACITY, "later"),
    "QuotaExceeded": (FailureKind.CAPACITY, "later"),
    "QuotaExceeded.GPU": (FailureKind.CAPACITY, "later"),
    "OperationDenied.NoStock": (FailureKind.CAPACITY, "later"),
    "ErrImagePull": (FailureKind.IMAGE, "as usual"),
    "ImagePullBackOff": (FailureKind.IMAGE, "as usual"),
    "ImageNotFound": (FailureKind.IMAGE, "never"),
    "InvalidImageName": (FailureKind.IMAGE, "never"),
    "PodPreempted": (FailureKind.INTERRUPTED, "as usual"),
    "Evicted": (FailureKind.INTERRUPTED, "as usual"),
    "SpotInstanceReclaimed": (FailureKind.INTERRUPTED, "as usual"),
    "Forbidden.RAM": (FailureKind.PERMISSION, "never"),
    "NoPermission": (FailureKind.PERMISSION, "never"),
    "AccessDenied": (FailureKind.PERMISSION, "never"),
    "NoSuchKey": (FailureKind.DATA, "as usual"),
    "PreparationFailed": (FailureKind.DATA, "as usual"),
    "DataUnavailable": (FailureKind.DATA, "as usual"),
    "CodeUnavailable": (FailureKind.DATA, "as usual"),
    "RequirementsFailed": (FailureKind.DATA, "as usual"),
    "OutputUploadFailed": (FailureKind.DATA, "as usual"),
    "MaxRunningTimeExceeded": (FailureKind.TIMEOUT, "never"),
    "OOMKilled": (FailureKind.COMMAND, "never"),
    "UserCommandFailed": (FailureKind.COMMAND, "never"),
    "InternalError": (FailureKind.UNEXPLAINED, "as usual"),
    "ServiceUnavailable": (FailureKind.UNEXPLAINED, "as usual"),
    "LocalServerDied": (FailureKind.UNEXPLAINED, "as usual"),
    "JobFailed": (FailureKind.UNEXPLAINED, "as usual"),
    "SomethingNobodyKnows": (FailureKind.UNEXPLAINED, "as usual"),
    "": (FailureKind.UNEXPLAINED, "as usual"),
}


@pytest.mark.parametrize(("code", "expected"), BY_CODE.items())
def test_a_reason_code_decides(code: str, expected: tuple[FailureKind, str]) -> None:
    assert seen(diagnose(FailureDetails(job(code)))) == expected


@pytest.mark.parametrize(("code", "expected"), BY_CODE.items())
def test_a_code_of_the_error_information_decides_when_the_job_has_none(
    code: str, expected: tuple[FailureKind, str]
) -> None:
    assert seen(diagnose(FailureDetails(job("JobFailed"), ErrorInfo(code)))) == expected


BY_WORDS = {
    'Failed to pull image "r/a": denied: requested access to the resource is denied': (FailureKind.IMAGE, "never"),
    'Failed to pull image "r/a": no basic auth credentials': (FailureKind.IMAGE, "never"),
    'Failed to pull image "r/a": dial tcp: lookup r: no such host': (FailureKind.IMAGE, "as usual"),
    "Your account is in arrears": (FailureKind.PERMISSION, "never"),
    "Your account does not have enough balance": (FailureKind.PERMISSION, "never"),
    "InvalidAccountStatus.NotEnoughBalance": (FailureKind.PERMISSION, "never"),
    "The job was queued and timed out": (FailureKind.CAPACITY, "later"),
    "Job queue timeout after 3600s": (FailureKind.CAPACITY, "later"),
    'Back-off pulling image "reg/a:1": ErrImagePull: dial tcp: i/o timeout': (FailureKind.IMAGE, "as usual"),
    "ImagePullBackOff": (FailureKind.IMAGE, "as usual"),
    'Failed to pull image "a": rpc error: manifest for a:1 not found: manifest unknown': (FailureKind.IMAGE, "never"),
    'Failed to pull image "a": unauthorized: authentication required': (FailureKind.IMAGE, "never"),
    "image not found": (FailureKind.IMAGE, "never"),
    "The image a:1 can't be pulled: there is no such image in PAI's registry": (FailureKind.IMAGE, "never"),
    "pull access denied for a, repository does not exist or may require docker login": (FailureKind.IMAGE, "never"),
    "The job was preempted by a job of higher priority": (FailureKind.INTERRUPTED, "as usual"),
    "Pod train1-master-0 is Evicted": (FailureKind.INTERRUPTED, "as usual"),
    "spot instance i-1 was released": (FailureKind.INTERRUPTED, "as usual"),
    "resource type is not enough": (FailureKind.CAPACITY, "later"),
    "0/8 nodes are available: 8 Insufficient nvidia.com/gpu.": (FailureKind.CAPACITY, "later"),
    "The request exceeds the quota of workspace 12345": (FailureKind.CAPACITY, "later"),
    "GPU quota has been exceeded": (FailureKind.CAPACITY, "later"),
    "AccessDenied: You have no right to access this object because of bucket acl.": (FailureKind.PERMISSION, "never"),
    "Forbidden.RAM: the role may not be assumed": (FailureKind.PERMISSION, "never"),
    "The training job ran longer than its limit of 60 seconds": (FailureKind.TIMEOUT, "never"),
    "Job exceeded MaxRunningTime": (FailureKind.TIMEOUT, "never"),
    "Job is stopped by user.": (FailureKind.STOPPED, "never"),
    "NoSuchKey: The specified key does not exist": (FailureKind.DATA, "as usual"),
    "Container was OOMKilled, exit code 137": (FailureKind.COMMAND, "never"),
    "internal server error": (FailureKind.UNEXPLAINED, "as usual"),
    # What only looks like one of these.
    "sh: ./train.sh: Permission denied": (FailureKind.UNEXPLAINED, "as usual"),
    "KubeDL job has failed": (FailureKind.UNEXPLAINED, "as usual"),
    "the image data set was read": (FailureKind.UNEXPLAINED, "as usual"),
}


@pytest.mark.parametrize(("message", "expected"), BY_WORDS.items())
def test_without_a_telling_code_the_words_of_a_message_decide(message: str, expected: tuple[FailureKind, str]) -> None:
    assert seen(diagnose(FailureDetails(job("JobFailed", message)))) == expected
    assert seen(diagnose(FailureDetails(job("JobFailed"), ErrorInfo("1", message)))) == expected


@pytest.mark.parametrize("code", ["UserCommandFailed", "PreparationFailed", "StoppedByUser"])
@pytest.mark.parametrize("message", BY_WORDS)
def test_a_telling_code_is_believed_more_than_any_words(code: str, message: str) -> None:
    assert diagnose(FailureDetails(job(code, message))).kind is BY_CODE[code][0]


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
def test_the_message_may_refine_what_a_code_names(code: str, message: str, retry: str) -> None:
    assert seen(diagnose(FailureDetails(job(code, message)))) == (BY_CODE.get(code, (FailureKind.IMAGE,))[0], retry)


BY_EXIT_CODE = {
    1: (FailureKind.COMMAND, "never"),
    2: (FailureKind.COMMAND, "never"),
    126: (FailureKind.COMMAND, "never"),
    127: (FailureKind.COMMAND, "never"),
    130: (FailureKind.COMMAND, "as usual"),
    132: (FailureKind.COMMAND, "as usual"),
    134: (FailureKind.COMMAND, "as usual"),
    135: (FailureKind.COMMAND, "as usual"),
    137: (FailureKind.COMMAND, "as usual"),
    139: (FailureKind.COMMAND, "never"),
    143: (FailureKind.INTERRUPTED, "as usual"),
    245: (FailureKind.COMMAND, "as usual"),
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
def test_an_exit_code_refines_the_failure_of_a_command(
    code: str, message: str, exit_code: int, expected: tuple[FailureKind, str]
) -> None:
    diagnosis = diagnose(FailureDetails(job(code, message.format(exit_code))))
    assert seen(diagnosis) == expected
    assert f"exit code {exit_code}" in diagnosis.cause


def test_each_exit_code_with_a_meaning_has_words_of_its_own() -> None:
    assert set(EXIT_CODES) < set(BY_EXIT_CODE)
    assert len({reason.cause for reason in EXIT_CODES.values()}) == len(EXIT_CODES)


def test_the_only_exit_code_of_the_events_counts_and_of_several_none() -> None:
    events = ("Pod a exited with code 1", "Pod b exited with code 1", "Pod c exited with code 0")
    assert seen(diagnose(FailureDetails(job("JobFailed"), events=events))) == (FailureKind.COMMAND, "never")
    collateral = (*events, "Pod d exited with code 143")
    assert seen(diagnose(FailureDetails(job("JobFailed"), events=collateral))) == (FailureKind.UNEXPLAINED, "as usual")


def test_events_explain_a_job_that_never_ran() -> None:
    events = ("2026-11-24T06:00:00Z Pulling image", "2026-11-24T06:00:09Z resource type is not enough")
    assert diagnose(FailureDetails(job(ran=False), events=events)).kind is FailureKind.CAPACITY


def test_what_a_job_waited_for_before_it_ran_is_not_why_it_failed() -> None:
    events = ("2026-11-24T06:00:09Z resource type is not enough",)
    assert diagnose(FailureDetails(job(), events=events)).kind is FailureKind.UNEXPLAINED
    queued = (Transition("Submitted", reason_code="ResourceAllocateFailed"), *RAN[4:])
    assert diagnose(FailureDetails(JobSnapshot("train1", "Failed", transitions=queued))).kind is FailureKind.UNEXPLAINED


def test_the_last_status_may_hold_the_reason() -> None:
    last = (*RAN[:-1], Transition("Failed", reason_code="ResourceAllocateFailed"))
    assert diagnose(FailureDetails(JobSnapshot("train1", "Failed", transitions=last))).kind is FailureKind.CAPACITY


@pytest.mark.parametrize(("ran", "words"), [(True, "after it had started"), (False, "before its command was started")])
def test_a_failure_without_any_reason_says_how_far_the_job_came(ran: bool, words: str) -> None:
    assert words in diagnose(FailureDetails(job(ran=ran))).cause


def test_a_job_that_was_stopped_by_whomever_may_be_tried_again() -> None:
    assert seen(diagnose(FailureDetails(job(status="Terminated")))) == (FailureKind.STOPPED, "as usual")


def test_the_exit_code_that_a_stop_leads_to_is_not_why_the_job_ended() -> None:
    events = ("Pod a exited with code 143",)
    assert diagnose(FailureDetails(job(status="Terminated"), events=events)).kind is FailureKind.STOPPED
    assert diagnose(FailureDetails(job(status="Failed"), events=events)).kind is FailureKind.INTERRUPTED


def test_a_job_that_airflow_itself_stopped_may_be_tried_again() -> None:
    stopped = job("StoppedByUser", status="Terminated", labels={STOPPING_LABEL: "true"})
    diagnosis = diagnose(FailureDetails(stopped))
    assert seen(diagnosis) == (FailureKind.STOPPED, "as usual")
    assert "Airflow" in diagnosis.cause


@pytest.mark.parametrize("overdue", [True, False])
def test_a_timeout_is_retried_only_when_the_job_resumes_from_checkpoints(overdue: bool) -> None:
    details = FailureDetails(job("MaxRunningTimeExceeded"))
    assert seen(diagnose(details, overdue=overdue)) == (FailureKind.TIMEOUT, "never")
    assert seen(diagnose(details, overdue=overdue, resumable=True)) == (FailureKind.TIMEOUT, "as usual")


def test_a_job_that_waited_all_its_time_for_a_machine_may_be_tried_again() -> None:
    diagnosis = diagnose(FailureDetails(job(status="Submitted", ran=False)), overdue=True)
    assert seen(diagnosis) == (FailureKind.TIMEOUT, "as usual")
    assert "had not even started" in diagnosis.cause


def test_being_overdue_counts_more_than_any_reason() -> None:
    assert diagnose(FailureDetails(job("StoppedByUser")), overdue=True).kind is FailureKind.TIMEOUT


HINTS = {
    "ModuleNotFoundError: No module named 'lightgbm.basic'": "no module lightgbm.basic",
    "sh: 1: trian: not found": "trian is not in the image",
    "bash: line 3: trian: command not found": "trian is not in the image",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB": "GPU's memory",
    "MemoryError": "machine's memory",
    "numpy.core._exceptions.MemoryError: Unable to allocate 7.45 GiB for an array": "machine's memory",
    "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory": "machine's memory",
    "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error.": "shared memory",
    "RuntimeError: CUDA error: no kernel image is available for execution": "CUDA does not fit",
    "sh: 1: train.sh\r: not found": "Windows line ends",
    ": not found": "Windows line ends",
    "bash: line 1: $'\\r': command not found": "Windows line ends",
    "/usr/bin/env: 'python3\\r': No such file or directory": "Windows line ends",
    "OSError: [Errno 28] No space left on device": "disk was full",
    "ERROR: No matching distribution found for torch==9.9": "no version of torch==9.9",
    "urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool": "network address",
    "FileNotFoundError: [Errno 2] No such file or directory: '/ml/input/data/a.csv'": "/ml/input/data/a.csv",
}


@pytest.mark.parametrize(("line", "hint"), HINTS.items())
def test_the_last_telling_line_of_the_log_adds_a_hint(line: str, hint: str) -> None:
    log = ("No space left on device", "CUDA out of memory", line, "some line")
    assert hint in diagnose(FailureDetails(job("UserCommandFailed"), log_tail=log)).hint


def test_an_unreachable_package_index_is_not_reported_as_a_missing_version() -> None:
    log = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/torch/",
        "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)",
        "ERROR: No matching distribution found for torch",
    )
    diagnosis = diagnose(FailureDetails(job("RequirementsFailed"), log_tail=log))
    assert diagnosis.hint == "pip could not reach the package index"
    assert "PIP_INDEX_URL" in diagnosis.advice


@pytest.mark.parametrize("line", HINTS)
def test_a_hint_says_the_next_step_too(line: str) -> None:
    plain = diagnose(FailureDetails(job("UserCommandFailed")))
    assert diagnose(FailureDetails(job("UserCommandFailed"), log_tail=(line,))).advice != plain.advice


def test_a_log_in_which_nothing_is_recognised_adds_nothing() -> None:
    assert diagnose(FailureDetails(job("UserCommandFailed"), log_tail=("epoch 1", "{braces} %s"))).hint == ""


@pytest.mark.parametrize("code", BY_CODE)
@given(log=st.lists(st.sampled_from([*HINTS, *BY_WORDS, *EXIT_MESSAGES, "exit code 1"])))
def test_no_log_changes_what_is_decided(code: str, log: list[str]) -> None:
    silent, talkative = diagnose(FailureDetails(job(code))), diagnose(FailureDetails(job(code), log_tail=tuple(log)))
    assert seen(talkative) == seen(silent)
    assert talkative.cause == silent.cause


TEXTS = st.text(max_size=30)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS).map(tuple), st.lists(TEXTS).map(tuple), st.booleans())
def test_whatever_the_service_says_there_is_a_diagnosis_with_advice(
    status: str, code: str, message: str, info: str, events: tuple[str, ...], log: tuple[str, ...], overdue: bool
) -> None:
    details = FailureDetails(job(code, message, status), ErrorInfo(code, info), events, log)
    diagnosis = diagnose(details, overdue=overdue)
    assert diagnosis.kind in FailureKind
    assert diagnosis.cause
    assert diagnosis.advice


def test_every_kind_of_failure_can_be_diagnosed() -> None:
    assert {reason.kind for reason in REASONS} == set(FailureKind)


@pytest.mark.parametrize(
    "reason", [reason for reason in transitions.ReasonCode if reason != transitions.ReasonCode.SUCCEED]
)
def test_every_reason_of_local_pai_is_in_the_table(reason: transitions.ReasonCode) -> None:
    assert [each for each in REASONS if each.has_code(reason)], "a reason of local PAI that no user can act on"


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (transitions.STOPPED, FailureKind.STOPPED),
        (transitions.SERVER_DIED, FailureKind.UNEXPLAINED),
        (transitions.SERVER_STOPPED, FailureKind.UNEXPLAINED),
        (transitions.INTERNAL, FailureKind.UNEXPLAINED),
        (transitions.command_failed("train1-master-0", 3), FailureKind.COMMAND),
        (transitions.command_failed("train1-master-0", 127), FailureKind.COMMAND),
        (transitions.command_failed("train1-worker-1", 137), FailureKind.COMMAND),
        (transitions.command_failed("train1-master-0", 143), FailureKind.INTERRUPTED),
        (transitions.timed_out(60), FailureKind.TIMEOUT),
        (transitions.preparation_failed("The input channel train is empty"), FailureKind.DATA),
        (transitions.not_started("no such interpreter"), FailureKind.UNEXPLAINED),
        (transitions.output_failed("the bucket is gone"), FailureKind.DATA),
    ],
)
def test_every_outcome_of_a_local_job_has_its_failure_kind(outcome: transitions.Outcome, kind: FailureKind) -> None:
    assert diagnose(FailureDetails(job(outcome.code, outcome.message, outcome.status))).kind is kind


def test_a_person_who_stopped_the_job_on_its_page_is_named_and_it_is_not_started_again() -> None:
    stopped = job("StoppedByUser", status="Terminated", labels={STOPPED_BY_LABEL: "li", STOPPING_LABEL: "true"})
    diagnosis = diagnose(FailureDetails(stopped))
    assert seen(diagnosis) == (FailureKind.STOPPED, "never")
    assert diagnosis.cause.startswith("li stopped the job")
    finished = job(status="Failed", labels={STOPPED_BY_LABEL: "li"})
    assert "li stopped" not in diagnose(FailureDetails(finished)).cause
