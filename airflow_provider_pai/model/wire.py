"""A job as PAI's answers tell of it.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.spec import CodeLocation
from airflow_provider_pai.model.status import JobSnapshot, Transition

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def snapshot(item: Mapping[str, Any]) -> JobSnapshot:
    """Read a job as GetTrainingJob answers it, or as ListTrainingJobs lists it.

    What only decorates a job (metrics, duration, place of the code) is left out when it can't be read.

    Raises:
        ProtocolError: the answer lacks the job's id or status, or is not of the operations' form.
    """
    for name in ("TrainingJobId", "Status"):
        if not item.get(name):
            raise ProtocolError(f"a job without {name}")
    try:
        return _snapshot(item)
    except MALFORMED as error:
        raise ProtocolError(f"a job that can't be read ({error!r})") from error


def _snapshot(item: Mapping[str, Any]) -> JobSnapshot:
    algorithm = item.get("AlgorithmSpec") or {}
    return JobSnapshot(
        job_id=str(item["TrainingJobId"]),
        status=str(item["Status"]),
        name=str(item.get("TrainingJobName") or ""),
        workspace_id=str(item.get("WorkspaceId") or ""),
        reason_code=str(item.get("ReasonCode") or ""),
        reason_message=str(item.get("ReasonMessage") or ""),
        created=str(item.get("GmtCreateTime") or ""),
        duration_s=int(duration) if (duration := _number(item.get("Duration"))) is not None else None,
        labels=named_values("Key", item.get("Labels")),
        outputs={item["Name"]: address(item, "OutputUri") for item in item.get("OutputChannels") or ()},
        image_uri=str(algorithm.get("Image") or ""),
        code_uri=_code_uri(algorithm.get("CodeDir")),
        metrics=latest_metrics(item.get("LatestMetrics") or ()),
        instances=tuple(str(each["Name"]) for each in item.get("Instances") or () if each.get("Name")),
        transitions=tuple(_transition(entry) for entry in item.get("StatusTransitions") or ()),
    )


def latest_metrics(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the value of each metric that has the newest timestamp; of equal ones the later in the list.

    Points without a name or a number are left out.
    """
    newest: dict[str, tuple[str, float]] = {}
    for point in points:
        name, when, value = str(point.get("Name") or ""), str(point.get("Timestamp") or ""), _number(point.get("Value"))
        if name and value is not None and (name not in newest or when >= newest[name][0]):
            newest[name] = (when, value)
    return {name: value for name, (_, value) in newest.items()}


def _code_uri(location: Mapping[str, Any] | None) -> str:
    """Only code in OSS has a bucket and a key; another job's may lie elsewhere."""
    value = (location or {}).get("LocationValue") or {}
    return CodeLocation(value["Bucket"], value["Key"], "").uri if value.get("Bucket") and value.get("Key") else ""


def _transition(entry: Mapping[str, Any]) -> Transition:
    names = ("Status", "StartTime", "EndTime", "ReasonCode", "ReasonMessage")
    return Transition(*(str(entry.get(name) or "") for name in names))


def address(channel: Mapping[str, Any], member: str) -> str:
    """Return where a channel's data lies: a URI, or a dataset's id with its version; empty when it tells neither."""
    if channel.get(member):
        return str(channel[member])
    return "/".join(str(channel[name]) for name in ("DatasetId", "VersionName") if channel.get(name))


def named_values(name: str, pairs: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return pairs such as ``{"Name": ..., "Value": ...}`` as a mapping; a missing value is an empty text."""
    return {str(pair[name]): "" if (value := pair.get("Value")) is None else str(value) for pair in pairs or ()}


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
