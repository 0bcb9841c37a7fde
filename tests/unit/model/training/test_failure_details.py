from __future__ import annotations

from airflow_provider_pai.model.training.failure_details import FailureDetails
from airflow_provider_pai.model.training.status import JobSnapshot

JOB = JobSnapshot("train1", "Failed")


def telling(*events: str) -> tuple[str, ...]:
    return FailureDetails(JOB, events=events).telling_events()


def test_only_events_of_trouble_are_shown() -> None:
    assert telling(
        "2026-11-24T06:00:00Z train1 Running",
        "2026-11-24T06:00:01Z Instance train1-master-0 started",
        "2026-11-24T06:00:02Z Instance train1-worker-1 ended with exit code 0",
        "2026-11-24T06:00:03Z Instance train1-master-0 ended with exit code 3",
        "2026-11-24T06:00:04Z Warning: Back-off restarting container",
    ) == (
        "2026-11-24T06:00:03Z Instance train1-master-0 ended with exit code 3",
        "2026-11-24T06:00:04Z Warning: Back-off restarting container",
    )


def test_an_event_that_came_again_and_again_is_shown_once_where_it_came_last() -> None:
    repeated = [f"2026-11-24T06:00:{second:02}Z ImagePullBackOff" for second in range(30)]
    assert telling(*repeated, "2026-11-24T06:01:00Z Evicted", "2026-11-24 06:02:00 ImagePullBackOff") == (
        "2026-11-24T06:01:00Z Evicted",
        "2026-11-24 06:02:00 ImagePullBackOff",
    )


def test_only_the_last_few_events_are_shown() -> None:
    assert telling(*(f"error {number}" for number in range(100))) == tuple(f"error {n}" for n in range(90, 100))
