"""What comes after the end of a job: its task's result, a duplicate to wait for, or nothing that could be used."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.step import Done, Waiting
from airflow_provider_pai.lifecycle.training.submission import Submission
from airflow_provider_pai.model.training.ownership import JobOwner, is_being_stopped
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus
from airflow_provider_pai.model.uri import OssUri


def next_step(submission: Submission, owner: JobOwner, job: JobSnapshot) -> Waiting[JobSnapshot] | Done[JobSnapshot]:
    """Return what an attempt does when its job has ended.

    Args:
        submission: knows the other jobs of the attempt.
        owner: the attempt.
        job: its job, which has ended.

    Returns:
        ``Waiting`` with the job that a live copy of this attempt has kept, where it has stopped this one's; else
        ``Done`` with the job, however it ended.
    """
    if job.status == JobStatus.TERMINATED and is_being_stopped(job):
        duplicate = submission.adopt_duplicate(owner, job.job_id)
        if duplicate is not None:
            return Waiting(duplicate)
    return Done(job)


def is_empty(folder: str, oss: ObjectStorage, log: Log) -> bool:
    """Whether a job has certainly left nothing in the folder of an output channel.

    Args:
        folder: OSS folder, or a folder of this worker; other addresses can't be looked into.
        oss: looks.
        log: takes why it could not.
    """
    try:
        if folder.startswith("oss://"):
            uri = OssUri.parse(folder).folder()
            # An object of the folder's own name only marks it.
            return all(found.key == uri.key for found, _ in islice(oss.objects(uri), 2))
        path = Path(folder)
        return path.is_absolute() and not (path.is_dir() and next(path.iterdir(), None))
    except (PAIError, OSError) as error:
        log.info("Whether %s holds a model can't be told (%s)", folder, error)
        return False
