"""How the training job operations refuse. Codes other than the instance's are [inferred]: PaiStudio publishes none."""

from __future__ import annotations

from airflow_provider_pai.api.training import NO_INSTANCE_YET
from airflow_provider_pai.local.http.response import ErrorResponse


def invalid(message: str) -> ErrorResponse:
    """Return the refusal of a parameter's or member's value."""
    return ErrorResponse(400, "InvalidParameter", message)


def missing(name: str) -> ErrorResponse:
    """Return the refusal of a request that lacks a parameter or member."""
    return ErrorResponse(400, "MissingParameter", f"{name} is required.")


def no_such_job(job_id: str) -> ErrorResponse:
    """Return the refusal for a training job that does not exist."""
    return ErrorResponse(404, "TRAINING_JOB_NOT_FOUND", f"Training job {job_id} does not exist.")


def no_such_instance(job_id: str, instance: str = "") -> ErrorResponse:
    """Return the refusal for an instance that does not exist, or not yet; the code is the one ``alipai`` knows."""
    which = f"instance {instance}" if instance else "instance yet"
    return ErrorResponse(404, NO_INSTANCE_YET, f"Training job {job_id} has no {which}.")


def already_ended(job_id: str, status: str) -> ErrorResponse:
    """Return the refusal to stop a job that has ended: DLC refuses so, PaiStudio presumably too [inferred]."""
    return ErrorResponse(400, "BadRequest", f"Training job {job_id} can't be stopped: it is {status}.")


def not_ended(job_id: str, status: str) -> ErrorResponse:
    """Return the refusal to delete a job that has not ended [inferred]."""
    return ErrorResponse(400, "BadRequest", f"Training job {job_id} can't be deleted: it is {status}; stop it first.")
