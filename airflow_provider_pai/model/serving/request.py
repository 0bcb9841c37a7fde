"""A service as CreateService and UpdateService take it: the service JSON.

Names and types are those of EAS's "parameters of model services" page and of the bodies ``alipai`` 0.4.13 sends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_pai.model.serving.spec import CODE_MOUNT_PATH, ServiceSpec
from airflow_provider_pai.model.uri import OssUri

DIGEST_LABEL = "airflow.config"
"""Tells which configuration a version is: a digest of everything but these labels."""
VERSION_LABEL = "airflow.version"
"""The number that the version was to get."""
PREVIOUS_LABEL = "airflow.previous"
"""The version that answered before, and may be gone back to; ``0`` when there was no service before."""
OWNER_LABEL = "airflow.owner"
"""Tells which task instance has asked for the version."""
PASSED_LABEL = "airflow.passed"
"""The last version that has passed its test; on the service, not in its configuration."""
RESERVED_LABELS = (DIGEST_LABEL, VERSION_LABEL, PREVIOUS_LABEL, OWNER_LABEL, PASSED_LABEL)
NO_VERSION = 0
MODEL_PROPERTIES = {"resource_type": "model", "resource_use": "base"}
"""What marks a mount as the model's, as ``alipai`` sends it."""
_MOUNT = "mount_path"
_MB = 1024
_DIGEST_LENGTH = 32


def service_body(spec: ServiceSpec, workspace_id: str, code_uri: str = "") -> dict[str, Any]:
    """Return the service JSON of a spec that has no problems.

    Args:
        spec: the service.
        workspace_id: the workspace it belongs to.
        code_uri: OSS folder of its source code; empty for none.
    """
    body: dict[str, Any] = {
        "name": spec.service_name,
        "metadata": _metadata(spec, workspace_id),
        **(_processor(spec) if spec.processor else _container(spec, code_uri)),
    }
    if cloud := _cloud(spec):
        body["cloud"] = cloud
    if spec.labels:
        body["labels"] = dict(spec.labels)
    return dict(merged(body, spec.extra_config))


def digest(body: Mapping[str, Any]) -> str:
    """Return a digest that identifies a configuration, whichever task asks for it and whichever service has it."""
    labels = {name: value for name, value in (body.get("labels") or {}).items() if name not in RESERVED_LABELS}
    plain = {name: value for name, value in body.items() if name not in ("name", "labels")}
    if isinstance(storage := body.get("storage"), list):
        plain["storage"] = [_without_read_only(mount) for mount in storage]
    text = json.dumps([plain, labels], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def _without_read_only(mount: Any) -> Any:
    """Return a mount without the mark that it is read-only: versions made before it was sent are no other ones."""
    oss = mount.get("oss") if isinstance(mount, Mapping) else None
    if not isinstance(oss, Mapping) or oss.get("readOnly") is not True:
        return mount
    return {**mount, "oss": {name: value for name, value in oss.items() if name != "readOnly"}}


def labelled(body: Mapping[str, Any], *, version: int, previous: int | None, owner: str) -> dict[str, Any]:
    """Return a service JSON that says what it is; so every version carries its own answer to that.

    Args:
        body: the service JSON.
        version: the number that the version will get.
        previous: the version to roll back to; 0 when this creates the service, None when there is none.
        owner: the task instance that asks for it.
    """
    labels = {
        **(body.get("labels") or {}),
        DIGEST_LABEL: digest(body),
        VERSION_LABEL: str(version),
        OWNER_LABEL: owner,
    }
    if previous is not None:
        labels[PREVIOUS_LABEL] = str(previous)
    return {**body, "labels": labels}


def merged(value: Any, extra: Any) -> Any:
    """Merge what an author adds into a part of the service JSON.

    Objects are merged member by member, lists of objects item by item, mounts by where they are mounted; anything else
    is replaced.
    """
    if isinstance(value, Mapping) and isinstance(extra, Mapping):
        members = {name: merged(value[name], item) if name in value else item for name, item in extra.items()}
        return {**value, **members}
    if _is_objects(value) and _is_objects(extra):
        if all(_MOUNT in item for item in (*value, *extra)):
            return _merged_mounts(value, extra)
        both = [merged(one, other) for one, other in zip(value, extra, strict=False)]
        return [*both, *value[len(both) :], *extra[len(both) :]]
    return extra


def _merged_mounts(value: list[Any], extra: list[Any]) -> list[Any]:
    """Merge mounts of one place; others are added: an author who mounts data takes no code and no model away."""
    added = {_place(item): item for item in extra}
    both = [merged(item, added.pop(_place(item), {})) for item in value]
    return [*both, *added.values()]


def _place(mount: Mapping[str, Any]) -> str:
    return str(mount[_MOUNT]).rstrip("/")


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _metadata(spec: ServiceSpec, workspace_id: str) -> dict[str, Any]:
    members = {
        "instance": spec.instance_count,
        "workspace_id": workspace_id,
        "group": spec.group,
        "resource": spec.resource_id,
        "cpu": spec.cpu,
        "memory": None if spec.memory is None else round(spec.memory * _MB),
        "gpu": spec.gpu,
    }
    return {name: value for name, value in members.items() if value not in (None, "")}


def _cloud(spec: ServiceSpec) -> dict[str, Any]:
    cloud: dict[str, Any] = {}
    if spec.instance_type:
        cloud["computing"] = {"instance_type": spec.instance_type}
    if vpc := spec.user_vpc_config:
        members = {
            "vpc_id": vpc.vpc_id,
            "vswitch_id": vpc.switch_id,
            "security_group_id": vpc.security_group_id,
        }
        cloud["networking"] = {name: value for name, value in members.items() if value}
    return cloud


def _processor(spec: ServiceSpec) -> dict[str, Any]:
    return {"processor": spec.processor, "model_path": spec.model_uri}


def _container(spec: ServiceSpec, code_uri: str) -> dict[str, Any]:
    container: dict[str, Any] = {"image": spec.image_uri, "port": spec.port, "script": spec.command}
    if spec.environments:
        container["env"] = [{"name": name, "value": value} for name, value in spec.environments.items()]
    if spec.requirements:
        container["prepare"] = {"pythonRequirements": list(spec.requirements)}
    if spec.health_check:
        container["health_check"] = _check(spec.health_check, spec.port)
    storage = list(_storage(spec, code_uri))
    return {"containers": [container], **({"storage": storage} if storage else {})}


def _check(check: Mapping[str, Any], port: int) -> dict[str, Any]:
    path = check.get("path")
    how = {"http_get": {"path": path, "port": port}} if path else {"tcp_socket": {"port": port}}
    return {**how, **{name: value for name, value in check.items() if name != "path"}}


def _storage(spec: ServiceSpec, code_uri: str) -> Iterator[dict[str, Any]]:
    if code_uri:
        yield {"mount_path": CODE_MOUNT_PATH, "oss": {"path": _folder(code_uri), "readOnly": True}}
    if spec.model_uri:
        yield {
            "mount_path": spec.model_mount_path,
            "oss": {"path": _folder(spec.model_uri), "readOnly": True},
            "properties": dict(MODEL_PROPERTIES),
        }


def _folder(uri: str) -> str:
    return str(OssUri.parse(uri).folder())
