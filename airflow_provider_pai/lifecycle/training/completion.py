"""What comes after the end of a job: its task's result, a duplicate to wait for, or nothing that could be used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from airflow_provider_pai.client.oss.objects import ObjectDetails
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.step import Done, Waiting
from airflow_provider_pai.lifecycle.training.submission import Submission
from airflow_provider_pai.model.training.ownership import JobOwner, is_being_stopped
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus, moment
from airflow_provider_pai.model.uri import OssUri

_CLOCKS_APART = timedelta(minutes=5)
"""How much the clocks of PAI and of OSS may differ."""
_MOST_FILES = 1000
"""Files of an output that are looked at: one page. Where there are more, some are taken for a model."""


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


def is_empty(job: JobSnapshot, folder: str, oss: ObjectStorage, log: Log) -> bool:
    """Whether a job has certainly left nothing in the folder of an output channel.

    Empty and hidden files are no model, nor is what lay there before the job: a folder that several jobs write into
    still has the model of the one before.

    Args:
        job: the job.
        folder: OSS folder, or a folder of this worker; other addresses can't be looked into.
        oss: looks.
        log: takes why it could not.
    """
    try:
        if folder.startswith("oss://"):
            uri = OssUri.parse(folder).folder()
            created = moment(job.created)
            since = created - _CLOCKS_APART if created else None
            found = [*islice(oss.files.below(uri), _MOST_FILES + 1)]
            return len(found) <= _MOST_FILES and not any(_is_left(each, uri, since) for each in found)
        path = Path(folder)
        files = [*islice((each for each in path.rglob("*") if each.is_file()), _MOST_FILES + 1)]
        is_whole = path.is_absolute() and len(files) <= _MOST_FILES
        return is_whole and not any(
            each.stat().st_size and not _is_hidden(each.relative_to(path).parts) for each in files
        )
    except (PAIError, OSError) as error:
        log.info("Whether %s holds a model can't be told (%s)", folder, error)
        return False


def _is_left(found: ObjectDetails, folder: OssUri, since: datetime | None) -> bool:
    is_hidden = _is_hidden(found.key.removeprefix(folder.key).split("/"))
    return bool(found.size) and not is_hidden and (since is None or found.modified >= since)


def _is_hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)
