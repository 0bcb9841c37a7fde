"""A job as CreateTrainingJob takes it: spec to body and back.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2 and of the bodies ``alipai`` 0.4.13 sends.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.names import MODEL_CHANNEL, TENSORBOARD_CHANNEL
from airflow_provider_pai.model.training.resources import ExperimentConfig, InstanceSpec, SpotSpec, UserVpcConfig
from airflow_provider_pai.model.training.response import MALFORMED, address, named_values
from airflow_provider_pai.model.training.spec import DEFAULT_JOB_TYPE, CodeLocation, MetricDefinition, TrainingJobSpec
from airflow_provider_pai.model.uri import dataset_parts, is_dataset

SHELL = ("sh", "-c")
_PLAIN = {
    "description": "TrainingJobDescription",
    "resource_type": "ResourceType",
    "priority": "Priority",
    "settings": "Settings",
    "role_arn": "RoleArn",
    "credential_config": "CredentialConfig",
    "assign_node_spec": "AssignNodeSpec",
}
"""Members of a spec that are sent as they are."""
_SHARE = {"cpu": "CPU", "memory": "Memory", "gpu": "GPU", "gpu_type": "GPUType", "shared_memory": "SharedMemory"}
_VPC = {
    "vpc_id": "VpcId",
    "security_group_id": "SecurityGroupId",
    "switch_id": "SwitchId",
    "default_route": "DefaultRoute",
}


def create_body(spec: TrainingJobSpec, workspace_id: str) -> dict[str, Any]:
    """Return the body of CreateTrainingJob for a spec with known image, code, inputs and outputs."""
    body: dict[str, Any] = {
        "WorkspaceId": workspace_id,
        "TrainingJobName": spec.job_name,
        **_what_runs(spec),
        "ComputeResource": _compute(spec),
        "HyperParameters": _pairs("Name", spec.hyperparameters),
        "InputChannels": [_channel(name, "InputUri", uri) for name, uri in spec.inputs.items()],
        "OutputChannels": [_channel(name, "OutputUri", uri) for name, uri in spec.outputs.items()],
        "Environments": dict(spec.environments),
        "PythonRequirements": list(spec.requirements),
        "Labels": _pairs("Key", spec.labels),
    }
    optional = {
        **{member: getattr(spec, name) for name, member in _PLAIN.items()},
        "Scheduler": {"MaxRunningTimeInSeconds": spec.max_run_time} if spec.max_run_time is not None else None,
        "UserVpc": _vpc(spec.user_vpc_config) if spec.user_vpc_config else None,
        "ExperimentConfig": {"ExperimentId": spec.experiment_config.experiment_id} if spec.experiment_config else None,
    }
    return body | {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in optional.items() if value
    }


def read_create_body(body: Mapping[str, Any]) -> TrainingJobSpec:
    """Return the spec that a CreateTrainingJob body describes.

    Raises:
        ProtocolError: the body is not of the operation's form.
    """
    try:
        return _read_create_body(body)
    except MALFORMED as error:
        raise ProtocolError(f"not a CreateTrainingJob body ({error!r})") from error


def _what_runs(spec: TrainingJobSpec) -> dict[str, Any]:
    """Return a registered algorithm's name, or what describes one for this job alone."""
    if not spec.algorithm_name:
        return {"AlgorithmSpec": _algorithm(spec)}
    members = {
        "AlgorithmName": spec.algorithm_name,
        "AlgorithmVersion": spec.algorithm_version,
        "AlgorithmProvider": spec.algorithm_provider,
        "CodeDir": _code_dir(spec.code) if spec.code else None,
    }
    return {name: value for name, value in members.items() if value}


def _algorithm(spec: TrainingJobSpec) -> dict[str, Any]:
    algorithm: dict[str, Any] = {
        "Command": [*SHELL, spec.command],
        "Image": spec.image_uri,
        "JobType": spec.job_type,
        "HyperParameters": [],
        "InputChannels": [{"Name": name, "Required": False} for name in spec.inputs],
        "OutputChannels": [_output_definition(name) for name in spec.outputs],
        "MetricDefinitions": [{"Name": m.name, "Regex": m.regex} for m in spec.metric_definitions],
        "SupportsDistributedTraining": True,
    }
    return {**algorithm, "CodeDir": _code_dir(spec.code)} if spec.code else algorithm


def _code_dir(code: CodeLocation) -> dict[str, Any]:
    return {
        "LocationType": "oss",
        "LocationValue": {"Bucket": code.bucket, "Key": code.key, "Endpoint": code.endpoint},
    }


def _compute(spec: TrainingJobSpec) -> dict[str, Any]:
    if spec.resource_id:
        share = _share(spec.instance_spec) if spec.instance_spec else {}
        return {"ResourceId": spec.resource_id, "InstanceCount": spec.instance_count, "InstanceSpec": share}
    compute: dict[str, Any] = {"EcsSpec": spec.instance_type, "EcsCount": spec.instance_count}
    if spot := spec.spot_spec:
        # As alipai sends it: without UseSpotInstance.
        limit = {} if spot.spot_discount_limit is None else {"SpotDiscountLimit": spot.spot_discount_limit}
        compute["SpotSpec"] = {"SpotStrategy": spot.spot_strategy, **limit}
    return compute


def _share(share: InstanceSpec) -> dict[str, str]:
    return {member: getattr(share, name) for name, member in _SHARE.items() if getattr(share, name)}


def _vpc(vpc: UserVpcConfig) -> dict[str, Any]:
    members: dict[str, Any] = {member: getattr(vpc, name) for name, member in _VPC.items()}
    return {name: value for name, value in {**members, "ExtendedCIDRs": list(vpc.extended_cidrs)}.items() if value}


def _output_definition(name: str) -> dict[str, Any]:
    definition: dict[str, Any] = {"Name": name, "Required": name == MODEL_CHANNEL}
    if name == TENSORBOARD_CHANNEL:
        definition["Properties"] = {"ossAppendable": "true"}
    return definition


def _channel(name: str, member: str, uri: str) -> dict[str, str]:
    if not is_dataset(uri):
        return {"Name": name, member: uri}
    dataset, version = dataset_parts(uri)
    channel = {"Name": name, "DatasetId": dataset}
    return {**channel, "VersionName": version} if version else channel


def _read_create_body(body: Mapping[str, Any]) -> TrainingJobSpec:
    limits = body.get("Scheduler") or {}
    limit = limits.get("MaxRunningTimeInSeconds") or 60 * (limits.get("MaxRunningTimeInMinutes") or 0)
    return TrainingJobSpec(
        **_read_what_runs(body),
        **_read_compute(body["ComputeResource"]),
        **{name: body[member] for name, member in _PLAIN.items() if body.get(member)},
        user_vpc_config=_read_vpc(body.get("UserVpc") or {}),
        experiment_config=_read_experiment(body.get("ExperimentConfig") or {}),
        job_name=body["TrainingJobName"],
        hyperparameters=named_values("Name", body.get("HyperParameters")),
        inputs={item["Name"]: _address(item, "InputUri") for item in body.get("InputChannels") or ()},
        outputs={item["Name"]: _address(item, "OutputUri") for item in body.get("OutputChannels") or ()},
        max_run_time=limit or None,
        environments=dict(body.get("Environments") or {}),
        requirements=tuple(body.get("PythonRequirements") or ()),
        labels=named_values("Key", body.get("Labels")),
    )


def _read_what_runs(body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("AlgorithmName"):
        return {
            "algorithm_name": body["AlgorithmName"],
            "algorithm_version": body.get("AlgorithmVersion") or "",
            "algorithm_provider": body.get("AlgorithmProvider") or "",
            "code": _code(body.get("CodeDir")),
        }
    algorithm = body["AlgorithmSpec"]
    return {
        "command": _read_command(algorithm["Command"]),
        "image_uri": algorithm["Image"],
        "job_type": algorithm.get("JobType") or DEFAULT_JOB_TYPE,
        "code": _code(algorithm.get("CodeDir")),
        "metric_definitions": tuple(
            MetricDefinition(item["Name"], item["Regex"]) for item in algorithm.get("MetricDefinitions") or ()
        ),
    }


def _read_compute(compute: Mapping[str, Any]) -> dict[str, Any]:
    if compute.get("ResourceId"):
        share = compute.get("InstanceSpec") or {}
        members = {name: str(share[member]) for name, member in _SHARE.items() if share.get(member)}
        return {
            "resource_id": compute["ResourceId"],
            "instance_count": compute.get("InstanceCount") or 1,
            "instance_spec": InstanceSpec(**members) if members else None,
        }
    spot = compute.get("SpotSpec") or {}
    return {
        "instance_type": compute["EcsSpec"],
        "instance_count": compute.get("EcsCount") or 1,
        "spot_spec": SpotSpec(spot["SpotStrategy"], spot.get("SpotDiscountLimit")) if spot else None,
    }


def _read_vpc(vpc: Mapping[str, Any]) -> UserVpcConfig | None:
    members = {name: str(vpc[member]) for name, member in _VPC.items() if vpc.get(member)}
    return UserVpcConfig(**members, extended_cidrs=tuple(vpc.get("ExtendedCIDRs") or ())) if members else None


def _read_experiment(experiment: Mapping[str, Any]) -> ExperimentConfig | None:
    return ExperimentConfig(experiment["ExperimentId"]) if experiment.get("ExperimentId") else None


def _read_command(command: Sequence[str]) -> str:
    """Read what :func:`create_body` sends; any other list is one word each, which no shell expands [inferred]."""
    if not command or isinstance(command, str):
        raise ProtocolError(f"Command must be a list that names a program, not {command!r}")
    if tuple(command[:2]) == SHELL and len(command) == 3:
        return str(command[2])
    return shlex.join(command)


def _address(channel: Mapping[str, Any], member: str) -> str:
    if not (found := address(channel, member)):
        raise ProtocolError(f"the channel {channel['Name']} has neither {member} nor DatasetId")
    return found


def _code(location: Mapping[str, Any] | None) -> CodeLocation | None:
    value = (location or {}).get("LocationValue")
    if not value:
        return None
    return CodeLocation(value["Bucket"], value["Key"], value.get("Endpoint") or "")


def _pairs(name: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{name: key, "Value": value} for key, value in values.items()]
