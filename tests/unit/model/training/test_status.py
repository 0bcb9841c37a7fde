from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.status import (
    ACTIVE_STATUSES,
    TERMINAL_STATUSES,
    JobSnapshot,
    JobStatus,
    moment,
)

CLASSES = {
    "Creating": (False, False),
    "Created": (False, False),
    "CreateFailed": (True, False),
    "Initializing": (False, False),
    "InitializeFailed": (True, False),
    "Submitted": (False, False),
    "Running": (False, False),
    "Succeed": (True, True),
    "Failed": (True, False),
    "Terminated": (True, False),
}
"""Status -> (terminal, success), as pai-api.md 2.7 classes them."""


def test_the_table_names_every_status_and_no_other() -> None:
    assert set(CLASSES) == {str(status) for status in JobStatus}


@pytest.mark.parametrize(("status", "expected"), CLASSES.items())
def test_each_status_has_its_class(status: str, expected: tuple[bool, bool]) -> None:
    job = JobSnapshot("train1", status)
    assert (job.is_terminal, job.is_success) == expected


def test_every_status_is_active_or_terminal_and_never_both() -> None:
    assert set(ACTIVE_STATUSES) | TERMINAL_STATUSES == set(JobStatus)
    assert not set(ACTIVE_STATUSES) & TERMINAL_STATUSES


@given(st.text().filter(lambda text: text not in CLASSES))
def test_an_unknown_status_counts_as_active(status: str) -> None:
    job = JobSnapshot("train1", status)
    assert not job.is_terminal
    assert not job.is_success


def test_success_is_terminal() -> None:
    assert all(job.is_terminal for status in JobStatus if (job := JobSnapshot("train1", status)).is_success)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [("", "", ""), ("OOM", "", "OOM"), ("", "out of memory", "out of memory"), ("OOM", "no memory", "OOM: no memory")],
)
def test_a_reason_is_one_phrase(code: str, message: str, reason: str) -> None:
    assert JobSnapshot("train1", "Failed", reason_code=code, reason_message=message).reason == reason


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_time_that_is_none_is_no_error(text: str) -> None:
    assert moment(text) is None
