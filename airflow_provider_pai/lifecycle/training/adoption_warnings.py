"""What a task's log says of a job that an attempt adopts: how it differs from what a person may expect."""

from __future__ import annotations

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.training.preparation import JobPreparation
from airflow_provider_pai.model.training.fingerprint import FINGERPRINT_LABEL, changed_arguments
from airflow_provider_pai.model.training.ownership import JobOwner
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot


def warn_of_adoption(
    log: Log, preparation: JobPreparation, spec: TrainingJobSpec, owner: JobOwner, job: JobSnapshot
) -> None:
    """Say which arguments the adopted job has other values of, and what to do if the task was cleared.

    Args:
        log: takes the warnings.
        preparation: computes the fingerprint of what the task asks for now.
        spec: what the task asks for now.
        owner: the attempt.
        job: the job that it adopts.
    """
    _warn_of_changes(log, preparation, spec, owner, job)
    if job.is_success and owner.may_be_cleared:
        text = (
            "Job %s of an earlier try has succeeded, and this try takes it, as a retry does. If the task was cleared "
            "to train again, after its retries were lowered to %d, clear it once more: that submits a new job"
        )
        log.warning(text, job.job_id, owner.retries)


def _warn_of_changes(
    log: Log, preparation: JobPreparation, spec: TrainingJobSpec, owner: JobOwner, job: JobSnapshot
) -> None:
    """Say which arguments the job has other values of: its model is not what the task asks for now."""
    kept = job.labels.get(FINGERPRINT_LABEL)
    try:
        changed = changed_arguments(kept, preparation.fingerprint(spec, owner)) if kept else None
    except PAIError as error:
        log.warning("Job %s can't be compared with what the task asks for now (%s)", job.job_id, error)
        return
    if changed:
        text = (
            "Job %s was submitted with other values of: %s. This try adopts it as it is; clear the task once "
            "it has ended to train with the new values"
        )
        log.warning(text, job.job_id, ", ".join(changed))
