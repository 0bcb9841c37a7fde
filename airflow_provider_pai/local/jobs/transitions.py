"""The one table of how a local job may move between statuses, and the one table of reasons.

Statuses and their order are PAI's (``pai-api.md`` 2.7). Of the reasons only ``TrainingJobSucceed`` (PaiStudio),
``StoppedByUser`` and ``ResourceAllocateFailed`` (DLC) are public; all others, and which status a broken limit, a quota
or an image leads to, are [inferred] and stand here only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES, JobStatus

NEXT: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.CREATING: frozenset({JobStatus.CREATED, JobStatus.CREATE_FAILED, JobStatus.TERMINATED}),
    JobStatus.CREATED: frozenset({JobStatus.INITIALIZING, JobStatus.TERMINATED}),
    JobStatus.INITIALIZING: frozenset(
        {JobStatus.SUBMITTED, JobStatus.INITIALIZE_FAILED, JobStatus.FAILED, JobStatus.TERMINATED}
    ),
    JobStatus.SUBMITTED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.TERMINATED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEED, JobStatus.FAILED, JobStatus.TERMINATED}),
}


class ReasonCode(StrEnum):
    """ReasonCode codes that local PAI gives."""

    SUCCEED = "TrainingJobSucceed"
    STOPPED = "StoppedByUser"
    COMMAND_FAILED = "UserCommandFailed"
    TIMEOUT = "MaxRunningTimeExceeded"
    OVER_QUOTA = "ResourceAllocateFailed"
    IMAGE_FAILED = "ImagePullFailed"
    CODE_FAILED = "CodeUnavailable"
    DATA_FAILED = "DataUnavailable"
    REQUIREMENTS_FAILED = "RequirementsFailed"
    PREPARATION_FAILED = "PreparationFailed"
    OUTPUT_FAILED = "OutputUploadFailed"
    DISK_FULL = "DiskFull"
    START_FAILED = "StartFailed"
    SERVER_STOPPED = "LocalServerStopped"
    SERVER_DIED = "LocalServerDied"
    INTERNAL = "InternalError"


_FAILED = "Failed"
_ENDS = {"Succeeded": "Succeeded", _FAILED: _FAILED}
"""What instances end as."""


@dataclass(frozen=True)
class Outcome:
    """How a job ends.

    Attributes:
        status: a terminal status.
        code: the reason, short.
        message: the reason in words.
    """

    status: JobStatus
    code: str
    message: str


SUCCEEDED = Outcome(JobStatus.SUCCEED, ReasonCode.SUCCEED, "The command ended with exit code 0")
STOPPED = Outcome(JobStatus.TERMINATED, ReasonCode.STOPPED, "The training job was stopped on request")
SERVER_STOPPED = Outcome(
    JobStatus.FAILED, ReasonCode.SERVER_STOPPED, "Local PAI was stopped while the training job was not finished"
)
SERVER_DIED = Outcome(
    JobStatus.FAILED, ReasonCode.SERVER_DIED, "Local PAI ended unexpectedly while the training job was not finished"
)
INTERNAL = Outcome(JobStatus.FAILED, ReasonCode.INTERNAL, "Local PAI itself failed; its own log says how")
_EXIT_CODES = {
    126: "the command is not executable",
    127: "the command was not found",
    137: "killed by SIGKILL, perhaps for lack of memory",
    139: "killed by SIGSEGV",
    143: "ended by SIGTERM",
}


def command_failed(instance: str, exit_code: int) -> Outcome:
    """Return the end of a job with a failed instance."""
    meaning = f" ({_EXIT_CODES[exit_code]})" if exit_code in _EXIT_CODES else ""
    return Outcome(
        JobStatus.FAILED, ReasonCode.COMMAND_FAILED, f"Instance {instance} ended with exit code {exit_code}{meaning}"
    )


def timed_out(seconds: int) -> Outcome:
    """Return the end of a job that ran longer than it may."""
    return Outcome(
        JobStatus.FAILED, ReasonCode.TIMEOUT, f"The training job ran longer than its limit of {seconds} seconds"
    )


def over_quota(quota_id: str, asked: object, total: object) -> Outcome:
    """Return the end of a job that asks for more than its quota has in total: it would wait for ever."""
    message = f"The training job asks for {asked}, but the resource quota {quota_id} has {total} in total"
    return Outcome(JobStatus.INITIALIZE_FAILED, ReasonCode.OVER_QUOTA, message)


def preparation_failed(why: str, code: ReasonCode = ReasonCode.PREPARATION_FAILED) -> Outcome:
    """Return the end of a job when its code, data or environment can't be made ready."""
    return Outcome(JobStatus.INITIALIZE_FAILED, code, why)


def disk_full(why: str) -> Outcome:
    """Return the end of a job on a disk that has no space left."""
    message = f"The disk that local PAI uses on this machine is full: free some space, or delete jobs. {why}"
    return Outcome(JobStatus.FAILED, ReasonCode.DISK_FULL, message)


def not_started(why: str) -> Outcome:
    """Return the end of a job when its processes can't be started."""
    return Outcome(JobStatus.FAILED, ReasonCode.START_FAILED, f"The command can't be started: {why}")


def output_failed(why: str) -> Outcome:
    """Return the end of a job that did its work, when its outputs can't be stored."""
    return Outcome(JobStatus.FAILED, ReasonCode.OUTPUT_FAILED, why)


def is_terminal(record: Mapping[str, Any]) -> bool:
    """Tell whether a stored job has ended."""
    return record["Status"] in TERMINAL_STATUSES


def initial_members(now: datetime) -> dict[str, Any]:
    """Return the members about status of a job that was just created."""
    entry = {"Status": JobStatus.CREATING.value, "StartTime": wire_time(now)}
    return {"Status": JobStatus.CREATING.value, "StatusTransitions": [entry]}


def transition_members(
    record: Mapping[str, Any],
    status: JobStatus,
    now: datetime,
    *,
    code: str = "",
    message: str = "",
    by_hand: bool = False,
) -> dict[str, Any]:
    """Return the members that change when a job moves to another status.

    Args:
        record: the job as it is.
        status: where it goes.
        now: the moment.
        code: reason, short; empty for none.
        message: reason in words; empty for none.
        by_hand: an administrator moves it: any end is allowed to a job that has not ended.

    Raises:
        ValueError: the table does not allow it.
    """
    old = JobStatus(record["Status"])
    if status not in NEXT.get(old, frozenset()) and not (by_hand and old in NEXT and status in TERMINAL_STATUSES):
        raise ValueError(f"a training job can't go from {old} to {status}")
    when = wire_time(now)
    reason = {name: text for name, text in (("ReasonCode", str(code)), ("ReasonMessage", message)) if text}
    entry = {"Status": status.value, "StartTime": when, **reason}
    if status in TERMINAL_STATUSES:
        entry["EndTime"] = when
    *past, last = record["StatusTransitions"]
    return {
        "Status": status.value,
        "StatusTransitions": [*past, {**last, "EndTime": when}, entry],
        **reason,
    }


def instance_members(status: JobStatus, instances: Sequence[Mapping[str, str]] | None) -> dict[str, Any]:
    """Return the member about instances of a job that moves to a status; none without instances.

    Args:
        status: where the job goes. Of a job that has ended no instance runs, or will: those that did have failed.
        instances: the instances as they were last seen.
    """
    if not instances:
        return {}
    if status in TERMINAL_STATUSES:
        instances = [{**each, "Status": _ENDS.get(each["Status"], _FAILED)} for each in instances]
    return {"Instances": list(instances)}
