from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, Transition
from airflow_provider_pai.model.training.status_messages import StatusReporter

LIFE = [
    Transition("Creating", "2026-11-24T03:21:30Z", "2026-11-24T03:21:31Z"),
    Transition("Initializing", "2026-11-24T03:21:31Z", "2026-11-24T03:21:40Z"),
    Transition("Running", "2026-11-24T03:21:40Z", "2026-11-24T03:22:00Z", "Started", "all instances run"),
    Transition("Failed", "2026-11-24T03:22:00Z"),
]
MESSAGES = [
    "Job train1: Creating at 2026-11-24 03:21:30 UTC",
    "Job train1: Initializing at 2026-11-24 03:21:31 UTC",
    "Job train1: Running at 2026-11-24 03:21:40 UTC (Started: all instances run)",
    "Job train1: Failed at 2026-11-24 03:22:00 UTC (ExitCode: it ended with 1)",
]


def after(count: int) -> JobSnapshot:
    """The job when it has entered so many statuses."""
    reason = {"reason_code": "ExitCode", "reason_message": "it ended with 1"} if count == len(LIFE) else {}
    return JobSnapshot("train1", LIFE[count - 1].status, transitions=tuple(LIFE[:count]), **reason)


@given(st.lists(st.integers(1, len(LIFE))), st.sets(st.integers(0, 8)))
def test_each_status_is_reported_once_in_order_with_time_and_reason(looks: list[int], restarts: set[int]) -> None:
    reporter = StatusReporter()
    reported = []
    # Looks may skip statuses, and an answer may be older than the one before.
    for number, count in enumerate(looks):
        if number in restarts:
            reporter = StatusReporter(reporter.logged)
        reported += reporter.changes(after(count))
    assert reported == MESSAGES[: max([min(count, 3) for count in looks], default=0)]
    assert reported + reporter.changes(after(4)) + reporter.end(after(4)) == MESSAGES


def test_the_end_is_reported_once() -> None:
    reporter = StatusReporter()
    reporter.changes(after(4))
    assert reporter.end(after(4)) == [MESSAGES[3]]
    assert reporter.end(after(4)) == []


def test_an_end_that_the_history_does_not_have_yet_is_reported() -> None:
    job = replace(after(4), transitions=tuple(LIFE[:3]))
    reporter = StatusReporter()
    assert reporter.changes(job) == MESSAGES[:3]
    assert reporter.end(job) == ["Job train1: Failed (ExitCode: it ended with 1)"]


def test_without_a_history_each_change_is_reported() -> None:
    reporter = StatusReporter()
    statuses = ["Creating", "Running", "Running", "Pausing", "Running"]
    reported = [line for status in statuses for line in reporter.changes(JobSnapshot("train1", status))]
    reported += reporter.changes(JobSnapshot("train1", "Succeed"))
    assert reported == [f"Job train1: {status}" for status in ("Creating", "Running", "Pausing", "Running")]
    assert reporter.end(JobSnapshot("train1", "Succeed")) == ["Job train1: Succeed"]
    assert reporter.end(JobSnapshot("train1", "Succeed")) == []


def test_an_answer_without_the_history_repeats_nothing() -> None:
    reporter = StatusReporter()
    assert reporter.changes(after(3)) == MESSAGES[:3]
    assert reporter.changes(JobSnapshot("train1", "Running")) == []
    assert reporter.changes(after(3)) == []


@pytest.mark.parametrize("start", ["", "yesterday"])
def test_a_status_without_a_time_is_reported_without_one(start: str) -> None:
    job = JobSnapshot("train1", "Running", transitions=(Transition("Running", start),))
    assert StatusReporter().changes(job) == ["Job train1: Running"]


def test_progress_is_reported_when_it_changes() -> None:
    reporter = StatusReporter(1)
    looks = [(None, None), (0.25, 90), (0.25, 80), (0.5, None), (None, None), (1.0, 0)]
    reported = []
    for progress, remaining in looks:
        reported += reporter.changes(JobSnapshot("train1", JobStatus.RUNNING, progress=progress, remaining_s=remaining))
    assert [line for line in reported if "progress" in line] == [
        "Job train1: progress 0.25, 0:01:30 left",
        "Job train1: progress 0.5",
        "Job train1: progress 1, 0:00:00 left",
    ]


@pytest.mark.parametrize("remaining", [int(9.3e18), -int(9.3e18), int(1e300)], ids=["ages", "past", "endless"])
def test_progress_is_reported_without_an_absurd_remaining_time(remaining: int) -> None:
    job = JobSnapshot("train1", JobStatus.RUNNING, progress=0.5, remaining_s=remaining)
    assert StatusReporter().changes(job) == ["Job train1: Running", "Job train1: progress 0.5"]
