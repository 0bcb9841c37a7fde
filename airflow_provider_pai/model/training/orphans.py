"""Which jobs are left without a task that looks after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_pai.model.training.ownership import DETACHED_LABEL, JobOwner, owner_of
from airflow_provider_pai.model.training.status import JobSnapshot, moment

MIN_AGE = timedelta(minutes=10)
"""Age below which a job is not judged: its task may just be changing its state."""
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed", "gone"})
"""States in which a task instance looks after no job. All others, unknown ones too, are alive."""

StateOf = Callable[..., "str | None"]
"""From DAG, run, task and map index, and in a loop its region's id and index, to a task instance's state."""


@dataclass(frozen=True)
class Orphan:
    """An active job that has outlived its task instance.

    Attributes:
        job: the job.
        owner: the attempt it was submitted for.
        state: the state of the task instance, or ``gone``.
        doubt: why it may be another Airflow's; empty when it is certainly this one's.
    """

    job: JobSnapshot
    owner: JobOwner
    state: str
    doubt: str = ""


def find_orphans(jobs: Iterable[JobSnapshot], deployment: str, before: datetime, state_of: StateOf) -> list[Orphan]:
    """Return the jobs that have outlived their task instances.

    A job is left out when it has ended, when it may outlive its task, when it is young, and when its labels don't
    tell its task in full.

    Args:
        jobs: jobs of the workspace.
        deployment: name of this Airflow environment.
        before: only jobs created before this moment.
        state_of: tells the state of a task instance.
    """
    found = []
    for job in jobs:
        created = moment(job.created)
        owner = owner_of(job, deployment)
        if owner is None or created is None or created > before or job.is_terminal or DETACHED_LABEL in job.labels:
            continue
        state = state_of(owner.dag_id, owner.run_id, owner.task_id, owner.map_index, *owner.region)
        if state in _ENDED:
            found.append(Orphan(job, owner, str(state)))
    return found
