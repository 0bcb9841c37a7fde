from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.status import (
    ACTIVE_STATUSES,
    TERMINAL_STATUSES,
    JobSnapshot,
    JobStatus,
    Transition,
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
def test_a_status_nobody_knows_counts_as_active(status: str) -> None:
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


TEXTS = st.text(max_size=8)
TRANSITIONS = st.builds(Transition, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
SNAPSHOTS = st.builds(
    JobSnapshot,
    job_id=TEXTS,
    status=st.one_of(st.sampled_from(JobStatus), TEXTS),
    name=TEXTS,
    reason_code=TEXTS,
    created=TEXTS,
    duration_s=st.none() | st.integers(0),
    labels=st.dictionaries(TEXTS, TEXTS),
    outputs=st.dictionaries(TEXTS, TEXTS),
    metrics=st.dictionaries(TEXTS, st.floats(allow_nan=False)),
    metric_regexes=st.dictionaries(TEXTS, TEXTS),
    progress=st.none() | st.floats(allow_nan=False),
    remaining_s=st.none() | st.integers(),
    instance_count=st.integers(1),
    instances=st.lists(TEXTS).map(tuple),
    failed_instances=st.lists(TEXTS).map(tuple),
    transitions=st.lists(TRANSITIONS).map(tuple),
)


@given(SNAPSHOTS)
def test_a_snapshot_survives_the_way_through_an_event(job: JobSnapshot) -> None:
    assert JobSnapshot.from_json(json.loads(json.dumps(job.to_json()))) == job


@given(SNAPSHOTS)
def test_an_event_holds_nothing_but_plain_json(job: JobSnapshot) -> None:
    value = job.to_json()
    assert json.loads(json.dumps(value)) == value
    assert type(value["status"]) is str


def test_members_of_a_newer_version_are_ignored() -> None:
    job = JobSnapshot("train1", "Running", transitions=(Transition("Running", "2026-01-01T00:00:00Z"),))
    newer = {**job.to_json(), "priority": 3}
    newer["transitions"] = [{**newer["transitions"][0], "node": "a"}]
    assert JobSnapshot.from_json(newer) == job


def test_members_that_an_older_version_did_not_write_get_their_defaults() -> None:
    assert JobSnapshot.from_json({"job_id": "train1", "status": "Running"}) == JobSnapshot("train1", "Running")


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_time_that_is_none_is_no_error(text: str) -> None:
    assert moment(text) is None
