"""How a registered version says how it is served: a part of the service JSON, and the arguments it stands for.

The form is that of ``alipai``'s InferenceSpec (0.4.13): a service JSON without a name. It mounts the version's own
model, because ``RegisteredModel.deploy`` of alipai adds none; a deployment of ours takes the address from the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.names import name_problems
from airflow_provider_pai.model.registry.registration import JOB_LABEL
from airflow_provider_pai.model.registry.version import ModelVersion
from airflow_provider_pai.model.serving.request import MODEL_PROPERTIES, service_body
from airflow_provider_pai.model.serving.spec import CODE_MOUNT_PATH, MODEL_MOUNT_PATH, SERVICE_ARGUMENTS, ServiceSpec
from airflow_provider_pai.model.training.owner_labels import readable

MODEL_LABEL = "airflow.model"
MODEL_VERSION_LABEL = "airflow.model_version"
_OF_THE_SERVICE = ("service_name", "model_uri", "group", "labels")
INFERENCE_ARGUMENTS = tuple(name for name in SERVICE_ARGUMENTS if name not in _OF_THE_SERVICE)
"""Arguments of a deployment that belong to the model and not to one of its services."""
_DEFAULTS = {"model_mount_path": MODEL_MOUNT_PATH, "instance_count": 1}
_METADATA = {"instance": "instance_count", "cpu": "cpu", "gpu": "gpu", "resource": "resource_id"}
_MB = 1024
_NO_NUMBER = 10**9


def is_service_json(inference_spec: Mapping[str, Any]) -> bool:
    """Whether an inference spec is under EAS's names already, and not the arguments of a deployment."""
    return not all(name in INFERENCE_ARGUMENTS for name in inference_spec)


def inference_spec(spec: ServiceSpec, code_uri: str = "", model_uri: str = "") -> dict[str, Any]:
    """Return the inference spec of a model.

    Args:
        spec: the service; its name, group, labels and model are left out.
        code_uri: OSS folder of its source code; empty for none.
        model_uri: OSS folder of the version's model; empty for a model that lies elsewhere.
    """
    body = service_body(replace(spec, model_uri=model_uri), "", code_uri)
    metadata = {name: value for name, value in body["metadata"].items() if name not in ("workspace_id", "group")}
    members = {**body, "metadata": metadata}
    left_out = ("name", "labels", *(() if model_uri else ("model_path",)))
    return {name: value for name, value in members.items() if name not in left_out}


def deployment_arguments(inference_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a deployment that an inference spec stands for.

    What has no argument of its own goes into ``extra_config``, which wins over everything else in a service JSON.
    """
    rest = {name: value for name, value in inference_spec.items() if name not in ("name", "model_path")}
    found: dict[str, Any] = {}
    if processor := rest.pop("processor", None):
        found["processor"] = processor
    _take_container(rest, found)
    _take_computing(rest, found)
    _take_metadata(rest, found)
    _take_storage(rest, found)
    return {**found, **({"extra_config": rest} if rest else {})}


def _take_container(rest: dict[str, Any], found: dict[str, Any]) -> None:
    containers = rest.get("containers")
    if not isinstance(containers, list) or len(containers) != 1 or not isinstance(containers[0], Mapping):
        return
    container = dict(containers[0])
    for name, argument in {"image": "image_uri", "script": "command", "port": "port"}.items():
        if name in container:
            found[argument] = container.pop(name)
    if "env" in container:
        found["environments"] = {each["name"]: each.get("value", "") for each in container.pop("env")}
    if list(container.get("prepare", ())) == ["pythonRequirements"]:
        found["requirements"] = list(container.pop("prepare")["pythonRequirements"])
    rest.pop("containers")
    if container:
        rest["containers"] = [container]


def _take_computing(rest: dict[str, Any], found: dict[str, Any]) -> None:
    cloud = dict(rest.get("cloud") or {})
    computing = dict(cloud.get("computing") or {})
    if "instance_type" not in computing:
        return
    found["instance_type"] = computing.pop("instance_type")
    rest.pop("cloud")
    left = {**{name: value for name, value in cloud.items() if name != "computing"}}
    if computing:
        left["computing"] = computing
    if left:
        rest["cloud"] = left


def _take_metadata(rest: dict[str, Any], found: dict[str, Any]) -> None:
    metadata = dict(rest.pop("metadata", None) or {})
    metadata.pop("workspace_id", None)
    for name, argument in _METADATA.items():
        if name in metadata:
            found[argument] = metadata.pop(name)
    if "memory" in metadata:
        found["memory"] = metadata.pop("memory") / _MB
    if metadata:
        rest["metadata"] = metadata


def _take_storage(rest: dict[str, Any], found: dict[str, Any]) -> None:
    left = []
    for mount in rest.pop("storage", None) or ():
        if mount.get("mount_path") == CODE_MOUNT_PATH and "oss" in mount and "source_dir" not in found:
            found["source_dir"] = mount["oss"]["path"]
        elif _is_model(mount):
            found["model_mount_path"] = mount["mount_path"]
        else:
            left.append(mount)
    if left:
        rest["storage"] = left


def _is_model(mount: Mapping[str, Any]) -> bool:
    """Whether a mount is marked as the model's, as ours and alipai's are."""
    marks = mount.get("properties") or {}
    return bool(mount.get("mount_path")) and marks.get("resource_type") == MODEL_PROPERTIES["resource_type"]


def served_labels(model_name: str, version: ModelVersion) -> dict[str, str]:
    """Return the labels that tell which version a service serves."""
    labels = {MODEL_LABEL: model_name, MODEL_VERSION_LABEL: version.name, JOB_LABEL: version.job_id}
    return {name: readable(value) for name, value in labels.items() if value}


def registered_problems(model: object, version: object) -> list[Problem]:
    """Return what is wrong with the names of a registered model and its version; nothing can be looked up by them.

    Args:
        model: what the author gave as the model's name.
        version: what he gave as its version's; native rendering makes a number of ``"1"``.
    """
    problems = [*name_problems("model", model, "a registered model")]
    is_number = isinstance(version, int) and not isinstance(version, bool) and 0 <= version < _NO_NUMBER
    return problems if is_number else [*problems, *name_problems("version", version, "a version, or 'approved'")]


def with_registered(
    arguments: Mapping[str, Any], model_name: str, version: ModelVersion
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a deployment's arguments with those of a registered version as defaults, and the labels that name it.

    Args:
        arguments: what the author gave, by name; None, and the defaults of the operator, stand for "not given".
        model_name: the model.
        version: its version.

    Raises:
        SpecError: the author gave an address, too.
    """
    if arguments.get("model_uri") is not None:
        raise SpecError([Problem("model", "and model_uri are both given; a version has its own address")])
    registered = {**deployment_arguments(version.inference_spec), "model_uri": version.uri}
    given = {name: value for name, value in arguments.items() if value is not None and value != _DEFAULTS.get(name)}
    return {**arguments, **registered, **given}, served_labels(model_name, version)
