"""The members that CreateTrainingJob's body may have, and the types of their values.

Names and types are those of ``alibabacloud-paistudio20220112`` 2.6.2; only ``alipai`` sends ``ResourceType``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class MapOf:
    """An object with any names, all its values of one type."""

    value: type


Form: TypeAlias = "type | MapOf | dict[str, Any] | list[Any]"
"""A type; an object's members; a list's only item stands for all of them. ``object`` is any value."""

_LOCATION: Form = {"LocationType": str, "LocationValue": {"Bucket": str, "Key": str, "Endpoint": str}}
_CHANNEL: Form = {
    "Name": str,
    "Description": str,
    "Required": bool,
    "Properties": MapOf(object),
    "SupportedChannelTypes": [str],
}
_ALGORITHM: Form = {
    "Command": [str],
    "Image": str,
    "JobType": str,
    "CodeDir": _LOCATION,
    "ComputeResource": MapOf(object),
    "Customization": {"CodeDir": bool},
    "HyperParameters": [MapOf(object)],
    "InputChannels": [_CHANNEL],
    "OutputChannels": [_CHANNEL],
    "MetricDefinitions": [{"Name": str, "Regex": str, "Description": str}],
    "ProgressDefinitions": MapOf(object),
    "ResourceRequirements": [MapOf(object)],
    "SupportedInstanceTypes": [str],
    "SupportsDistributedTraining": bool,
}
_DATA = {"Name": str, "DatasetId": str, "VersionName": str, "RoleArn": str}
FORM: dict[str, Form] = {
    "WorkspaceId": str,
    "TrainingJobName": str,
    "TrainingJobDescription": str,
    "AlgorithmSpec": _ALGORITHM,
    "AlgorithmName": str,
    "AlgorithmVersion": str,
    "AlgorithmProvider": str,
    "AssignNodeSpec": MapOf(object),
    "CodeDir": MapOf(object),
    "ComputeResource": {
        "EcsSpec": str,
        "EcsCount": int,
        "ResourceId": str,
        "InstanceCount": int,
        "InstanceSpec": MapOf(object),
        "UseSpotInstance": bool,
        "SpotSpec": {"SpotStrategy": str, "SpotDiscountLimit": float},
    },
    "CredentialConfig": MapOf(object),
    "Environments": MapOf(str),
    "ExperimentConfig": {"ExperimentId": str},
    "HyperParameters": [{"Name": str, "Value": str}],
    "InputChannels": [{**_DATA, "InputUri": str, "Options": str}],
    "Labels": [{"Key": str, "Value": str}],
    "OutputChannels": [{**_DATA, "OutputUri": str}],
    "Priority": int,
    "PythonRequirements": [str],
    "ResourceType": str,
    "RoleArn": str,
    "Scheduler": {"MaxRunningTimeInMinutes": int, "MaxRunningTimeInSeconds": int},
    "Settings": MapOf(object),
    "UserVpc": {
        "VpcId": str,
        "SwitchId": str,
        "SecurityGroupId": str,
        "ExtendedCIDRs": [str],
        "DefaultRoute": str,
    },
}
_WORDS = {str: "a string", int: "an integer", bool: "true or false", float: "a number"}


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the members that are null: PAI takes them as absent."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def form_problems(value: object, form: Form = FORM, path: str = "") -> Iterator[str]:
    """Yield what is wrong with the names and types of a value.

    Args:
        value: a JSON value.
        form: what it should be.
        path: how it is called; empty for the whole body.
    """
    if isinstance(form, list):
        yield from _list_problems(value, form[0], path)
    elif isinstance(form, dict):
        yield from _object_problems(value, form, path)
    elif isinstance(form, MapOf):
        yield from _map_problems(value, form, path)
    elif not _is(value, form):
        yield f"{path} must be {_WORDS[form]}"


def _list_problems(value: object, item_form: Form, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} must be a list"
        return
    for index, item in enumerate(value):
        yield from form_problems(item, item_form, f"{path}[{index}]")


def _object_problems(value: object, form: Mapping[str, Form], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or 'The body'} must be an object"
        return
    for name, item in value.items():
        member = f"{path}.{name}" if path else name
        if name in form:
            yield from form_problems(item, form[name], member)
        else:
            yield f"{member} is no member of CreateTrainingJob"


def _map_problems(value: object, form: MapOf, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} must be an object"
        return
    for name, item in value.items():
        yield from form_problems(item, form.value, f"{path}.{name}")


def _is(value: object, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)
