"""The exit code of a command, where it is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_pai.model.training.exit_code import exit_code_problems, exit_codes, known_exit_code
from airflow_provider_pai.model.training.failure_details import ErrorInfo, FailureDetails
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus

JOB = JobSnapshot("train1", JobStatus.FAILED, duration_s=3)
SAID = "Instance train1-master-0 ended with exit code 99"


@pytest.mark.parametrize(
    ("details", "code"),
    [
        (FailureDetails(replace(JOB, reason_message=SAID)), 99),
        (FailureDetails(JOB, ErrorInfo("CommandFailed", SAID)), 99),
        (FailureDetails(JOB, events=("Started", SAID)), 99),
        # The service's reason comes before events of other instances, which it takes along.
        (FailureDetails(replace(JOB, reason_message=SAID), events=("worker-1: exit code 143",)), 99),
        (FailureDetails(JOB, events=(SAID, "worker-1: exit code 143")), None),
        (FailureDetails(replace(JOB, reason_message=SAID), ErrorInfo("", "exit code 3")), None),
        # A log, and what is copied from it, is what the job has printed.
        (FailureDetails(JOB, log_tail=("exit code 99",)), None),
        (FailureDetails(JOB, ErrorInfo("", "", "exit code 99")), None),
        (FailureDetails(JOB), None),
        # It was stopped, or never ran.
        (FailureDetails(replace(JOB, status=JobStatus.TERMINATED, reason_message=SAID)), None),
        (FailureDetails(replace(JOB, duration_s=None, reason_message=SAID)), None),
    ],
)
def test_a_code_counts_only_when_it_is_certain(details: FailureDetails, code: int | None) -> None:
    assert known_exit_code(details) == code


def test_what_a_function_has_reported_is_certain_unless_the_job_was_stopped() -> None:
    assert known_exit_code(FailureDetails(JOB), reported=99) == 99
    assert known_exit_code(FailureDetails(JOB, events=("exit code 1",)), reported=99) == 99
    assert known_exit_code(FailureDetails(replace(JOB, status=JobStatus.TERMINATED)), reported=99) is None


def test_one_code_or_several_are_given() -> None:
    assert exit_codes(99) == (99,)
    assert exit_codes([3, 99]) == (3, 99)


@pytest.mark.parametrize("value", [0, 256, -1, True, "99", [], ["99"], [3, 0], 3.0, {3: 4}])
def test_what_is_no_exit_code_is_refused_by_name(value: object) -> None:
    (problem,) = exit_code_problems(value)
    assert problem.argument == "skip_on_exit_code"


@pytest.mark.parametrize("value", [None, 1, 255, [1, 2], (1,), {3}])
def test_exit_codes_are_taken(value: object) -> None:
    assert exit_code_problems(value) == []
