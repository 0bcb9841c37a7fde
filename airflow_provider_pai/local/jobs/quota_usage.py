"""What a job with a resource quota asks for, and how much of the quota is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.model.training.status import ACTIVE_STATUSES, JobStatus

DEFAULT_PRIORITY = 1
"""Of a job that names none, as DLC has it; 9 is the highest."""
WAITING_IN_QUEUE = (JobStatus.CREATING, JobStatus.CREATED)
"""Of jobs that wait for their share."""


@dataclass(frozen=True)
class Amount:
    """An amount of computing resources.

    Attributes:
        cpu: number of CPU cores.
        gpu: number of GPUs.
        memory_gib: memory in GiB.
    """

    cpu: float = 0
    gpu: float = 0
    memory_gib: float = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu + other.cpu, self.gpu + other.gpu, self.memory_gib + other.memory_gib)

    def fits(self, used: Amount, total: Amount) -> bool:
        """Tell whether it is left of a total of which some is used."""
        both = self + used
        return both.cpu <= total.cpu and both.gpu <= total.gpu and both.memory_gib <= total.memory_gib

    def __str__(self) -> str:
        return f"{self.cpu:g} CPU, {self.gpu:g} GPU, {self.memory_gib:g} GiB of memory"


@dataclass(frozen=True)
class Quota:
    """A resource quota.

    Attributes:
        quota_id: its id, which jobs name as ``ResourceId``.
        name: its name.
        total: what all its jobs may have at a time.
        gpu_type: type of its GPUs.
    """

    quota_id: str = "quotalocalpai01"
    name: str = "local-quota"
    total: Amount = Amount(cpu=64, gpu=8, memory_gib=512)
    gpu_type: str = "A10"


@dataclass(frozen=True)
class QuotaUsage:
    """How much of a quota is used.

    Attributes:
        running: by jobs that left the queue.
        submitted: by those and the ones in the queue.
    """

    running: Amount
    submitted: Amount


def requested_amount(job: Mapping[str, Any]) -> Amount | None:
    """Return what all instances of a job take of its quota; None when it has an instance type instead.

    Args:
        job: the checked body of CreateTrainingJob, or a stored job.
    """
    compute = job["ComputeResource"]
    if not compute.get("ResourceId"):
        return None
    each, count = compute["InstanceSpec"], compute.get("InstanceCount", 1)
    cpu, gpu, memory = (count * float(each.get(name) or 0) for name in ("CPU", "GPU", "Memory"))
    return Amount(cpu, gpu, memory)


def queue_order(priority: int, place: int) -> tuple[int, int]:
    """Return what jobs of the quota are sorted by: the highest priority first, among equals the one that came first.

    Args:
        priority: from 1 to 9.
        place: a number that grows with the time of coming.
    """
    return -priority, place


def usage(jobs: Iterable[Mapping[str, Any]]) -> QuotaUsage:
    """Return how much of the quota stored jobs use."""
    running = submitted = Amount()
    for job in jobs:
        asked = requested_amount(job)
        if asked is not None and job["Status"] in ACTIVE_STATUSES:
            submitted += asked
            running += Amount() if job["Status"] in WAITING_IN_QUEUE else asked
    return QuotaUsage(running, submitted)
