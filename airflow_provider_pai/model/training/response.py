"""A job as PAI's answers tell of it.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from sys import intern
from typing import Any

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.training.metric_text import point_value
from airflow_provider_pai.model.training.spec import CodeLocation
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

FAILED_INSTANCE = "Failed"
"""Status of an instance after its command failed [inferred: statuses follow those of Kubernetes' pods]."""
Mark = tuple[object, ...]
"""What tells whether a job has changed."""
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def snapshot(item: Mapping[str, Any]) -> JobSnapshot:
    """Read a job as GetTrainingJob answers it, or as ListTrainingJobs lists it.

    What only decorates a job (metrics, duration, place of the code) is left out when it can't be read.

    Raises:
        ProtocolError: the answer lacks the job's id or status, or is not of the operations' form.
    """
    for name in ("TrainingJobId", "Status"):
        if not isinstance(item.get(name), str) or not item[name]:
            raise ProtocolError(f"the {name} of a job is no text, or an empty one")
    try:
        return _snapshot(item)
    except MALFORMED as error:
        raise ProtocolError(f"a job that can't be read ({error!r})") from error


def mark(item: Mapping[str, Any]) -> Mark:
    """Return what is another value when a job has changed, at a fraction of what reading it costs.

    Labels and the like may change unseen where the service does not count that as a modification [inferred: it does].
    """
    entered = item.get("StatusTransitions")
    count = len(entered) if isinstance(entered, list) else 0
    return (item.get("Status"), count, item.get("ReasonCode"), item.get("ReasonMessage"), item.get("GmtModifiedTime"))


def _snapshot(item: Mapping[str, Any]) -> JobSnapshot:
    algorithm = item.get("AlgorithmSpec") or {}
    instances = [each for each in item.get("Instances") or () if each.get("Name")]
    latest = latest_metrics(item.get("LatestMetrics") or ())
    return JobSnapshot(
        job_id=str(item["TrainingJobId"]),
        status=_text(item["Status"]),
        name=str(item.get("TrainingJobName") or ""),
        workspace_id=_text(item.get("WorkspaceId") or ""),
        reason_code=str(item.get("ReasonCode") or ""),
        reason_message=str(item.get("ReasonMessage") or ""),
        created=str(item.get("GmtCreateTime") or ""),
        duration_s=_whole(item.get("Duration")),
        labels=named_values("Key", item.get("Labels")),
        outputs={_text(item["Name"]): address(item, "OutputUri") for item in item.get("OutputChannels") or ()},
        image_uri=str(algorithm.get("Image") or ""),
        code_uri=_code_uri(algorithm.get("CodeDir")),
        metrics={name: value for name, value in latest.items() if value is not None},
        metrics_without_value=tuple(name for name, value in latest.items() if value is None),
        metric_regexes=_metric_regexes(algorithm.get("MetricDefinitions")),
        progress=_finite(_at(item, "LatestProgress", "OverallProgress", "Value")),
        remaining_s=_whole(_at(item, "LatestProgress", "RemainingTime", "Value")),
        instance_count=_instance_count(item),
        instances=tuple(str(each["Name"]) for each in instances),
        failed_instances=tuple(str(each["Name"]) for each in instances if each.get("Status") == FAILED_INSTANCE),
        transitions=tuple(_transition(entry) for entry in item.get("StatusTransitions") or ()),
        resource_id=_text(_at(item, "ComputeResource", "ResourceId") or ""),
    )


def latest_metrics(points: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the value of each metric that has the newest timestamp; of equal ones the later in the list.

    None is the value of a metric with no finite number in its newest point: an older one must not stand for it
    [inferred: PAI lists such a point; where it leaves it out, the older one can't be told from a newest one].
    """
    newest: dict[str, tuple[str, float | None]] = {}
    for point in points:
        name, when = str(point.get("Name") or ""), str(point.get("Timestamp") or "")
        if name and (name not in newest or when >= newest[name][0]):
            newest[name] = (when, point_value(point.get("Value")))
    return {name: value for name, (_, value) in newest.items()}


def _code_uri(location: Mapping[str, Any] | None) -> str:
    """Only code in OSS has a bucket and a key; another job's may lie elsewhere."""
    value = (location or {}).get("LocationValue") or {}
    return CodeLocation(value["Bucket"], value["Key"], "").uri if value.get("Bucket") and value.get("Key") else ""


def _metric_regexes(definitions: object) -> dict[str, str]:
    listed = definitions if isinstance(definitions, list | tuple) else ()
    pairs = [(_at(each, "Name"), _at(each, "Regex")) for each in listed]
    return {str(name): str(regex) for name, regex in pairs if name and regex}


def _instance_count(item: Mapping[str, Any]) -> int:
    """Machines are counted by ``EcsCount``, shares of a quota by ``InstanceCount``."""
    return max(1, *(_whole(_at(item, "ComputeResource", name)) or 0 for name in ("EcsCount", "InstanceCount")))


def _at(value: object, *path: str) -> object:
    """Return a member of a member; None when there is none, or when what should have members doesn't."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _transition(entry: Mapping[str, Any]) -> Transition:
    names = ("Status", "StartTime", "EndTime", "ReasonCode", "ReasonMessage")
    return Transition(*(_text(entry.get(name) or "") for name in names))


def address(channel: Mapping[str, Any], member: str) -> str:
    """Return where a channel's data lies: a URI, or a dataset's id with its version; empty when it tells neither."""
    if channel.get(member):
        return str(channel[member])
    return "/".join(str(channel[name]) for name in ("DatasetId", "VersionName") if channel.get(name))


def named_values(name: str, pairs: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return pairs such as ``{"Name": ..., "Value": ...}`` as a mapping; a missing value is an empty text."""
    return {_text(pair[name]): "" if (value := pair.get("Value")) is None else _text(value) for pair in pairs or ()}


def _text(value: object) -> str:
    """Return a text; equal ones of very many jobs that are waited for take their memory once."""
    return intern(str(value))


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _finite(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and isfinite(number) else None


def _whole(value: object) -> int | None:
    number = _finite(value)
    return None if number is None else int(number)
