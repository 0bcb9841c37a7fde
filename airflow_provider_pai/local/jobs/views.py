"""How jobs look on the wire: as GetTrainingJob answers one and as ListTrainingJobs lists it.

The two differ in members and in types (``pai-api.md`` 2.4, 2.5), and official clients read both by their types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_pai.local.jobs.channel_uris import stored_uris, with_uris
from airflow_provider_pai.local.jobs.transitions import is_terminal
from airflow_provider_pai.model.names import MODEL_CHANNEL
from airflow_provider_pai.model.training.status import JobStatus

Record = Mapping[str, Any]

_SHARED = (
    "TrainingJobId",
    "TrainingJobName",
    "TrainingJobDescription",
    "WorkspaceId",
    "UserId",
    "Status",
    "StatusTransitions",
    "ReasonCode",
    "ReasonMessage",
    "GmtCreateTime",
    "GmtModifiedTime",
    "IsTempAlgo",
    "HyperParameters",
    "InputChannels",
    "OutputChannels",
    "Environments",
    "PythonRequirements",
    "Labels",
    "ExperimentConfig",
    "UserVpc",
)
_SHOWN_ONLY = ("Priority", "AssignNodeSpec", "CredentialConfig", "RoleArn", "Settings")
_SPOT = ("UseSpotInstance", "SpotSpec")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


Points = Sequence[Mapping[str, Any]]


def job_detail(
    record: Record, latest_metrics: Points, latest_progress: Points, now: datetime, console: str
) -> dict[str, Any]:
    """Return a job as GetTrainingJob answers it.

    Args:
        record: the job.
        latest_metrics: the last point of each of its metrics.
        latest_progress: the last point of each thing that its progress is known by.
        now: the server's time, for how long it has been running.
        console: the address of the page about a job; ``{workspace}`` and ``{job}`` are replaced.
    """
    names = (*_SHARED, "AlgorithmSpec", "ComputeResource", "Instances", *_SHOWN_ONLY)
    view = {name: record[name] for name in names if name in record}
    view["Scheduler"] = {name: str(value) for name, value in record.get("Scheduler", {}).items()}
    view["Duration"] = duration(record, now)
    view["LatestMetrics"] = list(latest_metrics)
    view["LatestProgress"] = _progress(latest_progress)
    view["OutputModel"] = output_model(record)
    view["TrainingJobUrl"] = console.format(workspace=record["WorkspaceId"], job=record["TrainingJobId"])
    return {name: value for name, value in view.items() if value is not None}


def job_list_item(record: Record) -> dict[str, Any]:
    """Return a job as ListTrainingJobs lists it."""
    view = {name: record[name] for name in _SHARED if name in record}
    compute = record["ComputeResource"]
    view["ComputeResource"] = {name: value for name, value in compute.items() if name not in _SPOT}
    scheduler = record.get("Scheduler", {})
    if "MaxRunningTimeInSeconds" in scheduler:
        view["Scheduler"] = {"MaxRunningTimeInSeconds": int(scheduler["MaxRunningTimeInSeconds"])}
    return view


def duration(record: Record, now: datetime) -> int | None:
    """Return for how many seconds a job has been, or was, running; None when it never was."""
    started = next((entry for entry in record["StatusTransitions"] if entry["Status"] == JobStatus.RUNNING), None)
    if started is None:
        return None
    start = _time(started["StartTime"], now)
    end = _time(started["EndTime"], now) if "EndTime" in started else now
    return max(0, int((end - start).total_seconds()))


def output_model(record: Record) -> dict[str, str] | None:
    """Return where the model of a job that succeeded is; None when there is none."""
    for channel in with_uris(record, stored_uris(record)).get("OutputChannels", ()):
        if channel["Name"] == MODEL_CHANNEL and record["Status"] == JobStatus.SUCCEED:
            return {"OutputChannelName": MODEL_CHANNEL, "Uri": channel["OutputUri"]}
    return None


def _progress(points: Points) -> dict[str, dict[str, Any]] | None:
    """The time that remains is in whole seconds, as its type on the wire is."""
    progress = {
        point["Name"]: {
            "Timestamp": point["Timestamp"],
            "Value": int(point["Value"]) if point["Name"] == "RemainingTime" else point["Value"],
        }
        for point in points
        if "Value" in point
    }
    return progress or None


def error_info(record: Record, log_tail: Sequence[str]) -> dict[str, str]:
    """Return why a job failed; empty when it did not.

    Args:
        record: the job.
        log_tail: its last log lines.
    """
    if not is_terminal(record) or record["Status"] == JobStatus.SUCCEED:
        return {}
    return {
        "Code": record.get("ReasonCode", ""),
        "Message": record.get("ReasonMessage", ""),
        "AdditionalInfo": "\n".join(log_tail),
    }


def _time(text: str, now: datetime) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=now.tzinfo)
