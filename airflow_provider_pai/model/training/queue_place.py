"""The queue of a resource quota, and the place of a job in it.

[inferred] that a training job's workload carries the job's id as its own id, or in its name: PAI's pages show only ids
of DLC jobs. A job that isn't found has no place to show, and nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot


@dataclass(frozen=True)
class QueuedWorkload:
    """A job, or something else of PAI, that waits for its share of a quota.

    Attributes:
        workload_id: its id.
        name: its name; empty when the answer does not tell.
        position: its place, from 1; None when the answer does not tell.
        code: short reason for its waiting; empty when there is none.
        reason: the reason in words, which names the limit; empty when there is none.
    """

    workload_id: str
    name: str = ""
    position: int | None = None
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class QuotaQueue:
    """What waits in a quota at one moment.

    Attributes:
        quota_id: the quota.
        workloads: what waits, as far as it was read.
        total: how many wait.
    """

    quota_id: str
    workloads: Sequence[QueuedWorkload]
    total: int

    def find(self, job: JobSnapshot) -> QueuedWorkload | None:
        """Return the workload of a job; None when it isn't among those that were read."""
        for each in self.workloads:
            if job.job_id in (each.workload_id, each.name) or f"{job.job_id}-" in f"{each.name}-":
                return each
        return None


def is_queued(job: JobSnapshot) -> bool:
    """Whether a job may wait in the queue of a quota."""
    return bool(job.resource_id) and job.status in WAITING_STATUSES


def place_text(job: JobSnapshot, queue: QuotaQueue) -> str:
    """Return one line about a job's place and what it waits for; empty when that is not known."""
    found = queue.find(job)
    if found is None:
        return ""
    place = f" at place {found.position} of {max(queue.total, found.position)}" if found.position else ""
    reason = found.reason or found.code
    return f"Job {job.job_id} waits in quota {queue.quota_id}{place}" + (f": {reason}" if reason else "")
