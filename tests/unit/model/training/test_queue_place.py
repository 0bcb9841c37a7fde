from __future__ import annotations

import pytest

from airflow_provider_pai.model.training.queue_place import QueuedWorkload, QuotaQueue, is_queued, place_text
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus
from airflow_provider_pai.model.training.status_messages import StatusReporter

JOB = JobSnapshot("train1", JobStatus.CREATED, resource_id="quota1")
LIMIT = "Current GPU Limit is 5"


def queue(*workloads: QueuedWorkload, total: int = 9) -> QuotaQueue:
    return QuotaQueue("quota1", workloads, total)


@pytest.mark.parametrize(
    ("workload", "text"),
    [
        (QueuedWorkload("train1", "n", 3, "Role", LIMIT), f"Job train1 waits in quota quota1 at place 3 of 9: {LIMIT}"),
        (QueuedWorkload("train1", "n", 12), "Job train1 waits in quota quota1 at place 12 of 12"),
        (QueuedWorkload("train1", "n", None, "Role"), "Job train1 waits in quota quota1: Role"),
        (QueuedWorkload("dlc1", "train1", 1), "Job train1 waits in quota quota1 at place 1 of 9"),
        (QueuedWorkload("dlc1", "train1-pytorch", 1), "Job train1 waits in quota quota1 at place 1 of 9"),
        (QueuedWorkload("train12", "train12", 1), ""),
        (QueuedWorkload("dlc1", "my train1x", 1), ""),
    ],
)
def test_the_place_and_the_reason_are_said_as_far_as_they_are_known(workload: QueuedWorkload, text: str) -> None:
    assert place_text(JOB, queue(QueuedWorkload("other", "other", 1), workload)) == text


def test_a_place_is_said_again_when_it_or_its_reason_has_changed() -> None:
    reporter = StatusReporter()
    looks = [(3, LIMIT), (3, LIMIT), (2, LIMIT), (2, "No node"), (2, "No node")]
    said = [reporter.place(JOB, queue(QueuedWorkload("train1", "", *each))) for each in [(p, "", r) for p, r in looks]]
    assert [len(lines) for lines in said] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("status", JobStatus)
def test_only_jobs_of_a_quota_that_have_not_begun_wait_in_its_queue(status: JobStatus) -> None:
    waits = status in ("Creating", "Created", "Initializing", "Submitted")
    assert is_queued(JobSnapshot("train1", status, resource_id="quota1")) is waits
    assert not is_queued(JobSnapshot("train1", status))
