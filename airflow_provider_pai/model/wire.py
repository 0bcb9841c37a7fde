"""A job on the wire: spec to CreateTrainingJob body and back, answers to snapshots.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2 and of the bodies ``alipai`` 0.4.13 sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.spec import (
    MODEL_CHANNEL,
    TENSORBOARD_CHANNEL,
    CodeLocation,
    MetricDefinition,
    TrainingJobSpec,
)
from airflow_provider_pai.model.status import JobSnapshot, Transition
from airflow_provider_pai.model.uri import DataKind, data_kind, dataset_parts

JOB_TYPE = "PyTorchJob"
"""What the PAI SDK sends for every estimator, whatever the framework."""
SHELL = ("sh", "-c")
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def create_body(spec: TrainingJobSpec, workspace_id: str) -> dict[str, Any]:
    """Return the body of CreateTrainingJob for a spec whose image, code and outputs are known."""
    body: dict[str, Any] = {
        "WorkspaceId": workspace_id,
        "TrainingJobName": spec.job_name,
        "AlgorithmSpec": _algorithm(spec),
        "ComputeResource": {"EcsSpec": spec.instance_type, "EcsCount": spec.instance_count},
        "HyperParameters": _pairs("Name", spec.hyperparameters),
        "InputChannels": [_input_channel(name, uri) for name, uri in spec.inputs.items()],
        "OutputChannels": [{"Name": name, "OutputUri": uri} for name, uri in spec.outputs.items()],
        "Environments": dict(spec.environments),
        "PythonRequirements": list(spec.requirements),
        "Labels": _pairs("Key", spec.labels),
    }
    if spec.description:
        body["TrainingJobDescription"] = spec.description
    if spec.max_run_time is not None:
        body["Scheduler"] = {"MaxRunningTimeInSeconds": spec.max_run_time}
    return body


def read_create_body(body: Mapping[str, Any]) -> TrainingJobSpec:
    """Return the spec that a CreateTrainingJob body describes.

    Raises:
        ProtocolError: the body is not of the operation's form.
    """
    try:
        return _read_create_body(body)
    except _MALFORMED as error:
        raise ProtocolError(f"not a CreateTrainingJob body ({error!r})") from error


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
    except _MALFORMED as error:
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
        labels=_mapping("Key", item.get("Labels")),
        outputs={channel["Name"]: channel.get("OutputUri") or "" for channel in item.get("OutputChannels") or ()},
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


def _algorithm(spec: TrainingJobSpec) -> dict[str, Any]:
    algorithm: dict[str, Any] = {
        "Command": [*SHELL, spec.command],
        "Image": spec.image_uri,
        "JobType": JOB_TYPE,
        "HyperParameters": [],
        "InputChannels": [{"Name": name, "Required": False} for name in spec.inputs],
        "OutputChannels": [_output_definition(name) for name in spec.outputs],
        "MetricDefinitions": [{"Name": m.name, "Regex": m.regex} for m in spec.metric_definitions],
        "SupportsDistributedTraining": True,
    }
    if spec.code:
        place = {"Bucket": spec.code.bucket, "Key": spec.code.key, "Endpoint": spec.code.endpoint}
        algorithm["CodeDir"] = {"LocationType": "oss", "LocationValue": place}
    return algorithm


def _output_definition(name: str) -> dict[str, Any]:
    definition: dict[str, Any] = {"Name": name, "Required": name == MODEL_CHANNEL}
    if name == TENSORBOARD_CHANNEL:
        definition["Properties"] = {"ossAppendable": "true"}
    return definition


def _input_channel(name: str, uri: str) -> dict[str, str]:
    if data_kind(uri) is not DataKind.DATASET:
        return {"Name": name, "InputUri": uri}
    dataset, version = dataset_parts(uri)
    channel = {"Name": name, "DatasetId": dataset}
    return {**channel, "VersionName": version} if version else channel


def _read_create_body(body: Mapping[str, Any]) -> TrainingJobSpec:
    algorithm = body["AlgorithmSpec"]
    compute = body["ComputeResource"]
    limits = body.get("Scheduler") or {}
    limit = limits.get("MaxRunningTimeInSeconds") or 60 * (limits.get("MaxRunningTimeInMinutes") or 0)
    return TrainingJobSpec(
        command=_read_command(algorithm["Command"]),
        instance_type=compute["EcsSpec"],
        instance_count=compute.get("EcsCount") or 1,
        image_uri=algorithm["Image"],
        code=_code(algorithm.get("CodeDir")),
        job_name=body["TrainingJobName"],
        hyperparameters=_mapping("Name", body.get("HyperParameters")),
        inputs={item["Name"]: _read_input(item) for item in body.get("InputChannels") or ()},
        outputs={item["Name"]: item["OutputUri"] for item in body.get("OutputChannels") or ()},
        max_run_time=limit or None,
        environments=dict(body.get("Environments") or {}),
        requirements=tuple(body.get("PythonRequirements") or ()),
        labels=_mapping("Key", body.get("Labels")),
        metric_definitions=tuple(
            MetricDefinition(item["Name"], item["Regex"]) for item in algorithm.get("MetricDefinitions") or ()
        ),
        description=body.get("TrainingJobDescription") or "",
    )


def _read_command(command: Sequence[str]) -> str:
    """Only the form ``["sh", "-c", text]`` has a meaning of its own; anything else is one word per argument."""
    if tuple(command[:2]) == SHELL and len(command) == 3:
        return str(command[2])
    raise ProtocolError(f"Command must be ['sh', '-c', text], not {list(command)!r}")


def _read_input(item: Mapping[str, Any]) -> str:
    if item.get("InputUri"):
        return str(item["InputUri"])
    return "/".join(part for part in (item["DatasetId"], item.get("VersionName")) if part)


def _code(location: Mapping[str, Any] | None) -> CodeLocation | None:
    value = (location or {}).get("LocationValue")
    if not value:
        return None
    return CodeLocation(value["Bucket"], value["Key"], value.get("Endpoint") or "")


def _code_uri(location: Mapping[str, Any] | None) -> str:
    """Only code in OSS has a bucket and a key; another job's may lie elsewhere."""
    value = (location or {}).get("LocationValue") or {}
    return CodeLocation(value["Bucket"], value["Key"], "").uri if value.get("Bucket") and value.get("Key") else ""


def _transition(entry: Mapping[str, Any]) -> Transition:
    names = ("Status", "StartTime", "EndTime", "ReasonCode", "ReasonMessage")
    return Transition(*(str(entry.get(name) or "") for name in names))


def _pairs(name: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{name: key, "Value": value} for key, value in values.items()]


def _mapping(name: str, pairs: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    return {str(pair[name]): "" if (value := pair.get("Value")) is None else str(value) for pair in pairs or ()}


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
