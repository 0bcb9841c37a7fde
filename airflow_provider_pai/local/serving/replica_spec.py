"""What an instance of a service is to be, read from the service's configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_pai.local.eas.config import instance_count, port_of
from airflow_provider_pai.local.serving.health import HealthCheck
from airflow_provider_pai.model.uri import OssUri

_CODE = "/ml/usercode"
_MODEL = "/eas/workspace/model"
_SHARED_MEMORY = PurePosixPath("/dev/shm")  # noqa: S108
_OWN_PLACES = frozenset({"proc", "dev", "sys"})
"""Folders of the root that no other place can be made in."""


@dataclass(frozen=True)
class ObjectMount:
    """Objects that an instance sees as files.

    Attributes:
        path: where, absolute.
        uri: the objects.
        writable: whether each instance gets a copy of its own to write to. EAS mounts a bucket so that it can be
            written unless ``readOnly`` says otherwise; here what is written does not reach OSS. A model, which may be
            large, is shared and read-only.
    """

    path: str
    uri: OssUri
    writable: bool = False


@dataclass(frozen=True)
class ReplicaSpec:
    """What an instance is to be.

    Attributes:
        image: the container's image.
        command: what to run, as arguments.
        environment: its variables.
        port: the port that it serves on.
        requirements: lines for pip.
        requirements_path: a file of such lines, as the instance sees it; empty for none.
        objects: what it sees of OSS.
        scratch: where it has empty folders of its own.
        directory: where it runs; empty for its home folder.
        startup: tells that it has started; None when nothing is asked.
        liveness: tells that it need not be started again; None when nothing is asked.
        health: tells that it can have requests; None for whether its port is open.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    requirements: tuple[str, ...]
    requirements_path: str
    objects: tuple[ObjectMount, ...]
    scratch: tuple[str, ...]
    directory: str
    startup: HealthCheck | None
    liveness: HealthCheck | None
    health: HealthCheck | None


def read_replica_spec(config: Mapping[str, Any]) -> ReplicaSpec:
    """Read a service's configuration.

    Args:
        config: the service JSON, which has a container.

    Raises:
        ValueError: it can't be carried out; the text says what is wrong.
    """
    containers = config.get("containers") or ()
    if not containers:
        raise ValueError("the service has no container")
    container = containers[0]
    port = port_of(config)
    prepare = container.get("prepare") or {}
    objects, model = tuple(_objects(config)), _model_path(config)
    return ReplicaSpec(
        image=str(container.get("image") or ""),
        command=_command(container),
        environment=_environment(container, model, port),
        port=port,
        requirements=tuple(prepare.get("pythonRequirements") or ()),
        requirements_path=str(prepare.get("pythonRequirementsPath") or ""),
        objects=objects,
        scratch=tuple(_scratch(config)),
        # Where its code is, else where its model is [inferred].
        directory=_code_path(objects) or model,
        startup=HealthCheck.read(container.get("startup_check"), port),
        liveness=HealthCheck.read(container.get("liveness_check"), port),
        health=HealthCheck.read(container.get("health_check"), port),
    )


def differs_in_count_only(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two configurations make the same instances, and another number of them."""
    return instance_count(one) != instance_count(other) and _without_count(one) == _without_count(other)


def _without_count(config: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in (config.get("metadata") or {}).items() if name != "instance"}
    return {**config, "metadata": metadata}


def _command(container: Mapping[str, Any]) -> tuple[str, ...]:
    script, command, arguments = (container.get(name) for name in ("script", "command", "args"))
    if script:
        return ("/bin/sh", "-c", str(script))
    if not command:
        raise ValueError("the container has neither script nor command, and local PAI doesn't run an image's own one")
    first = shlex.split(command) if isinstance(command, str) else [str(each) for each in command]
    more = shlex.split(arguments) if isinstance(arguments, str) else [str(each) for each in arguments or ()]
    return (*first, *more)


def _environment(container: Mapping[str, Any], model: str, port: int) -> dict[str, str]:
    """Return the container's variables, behind those that alipai documents."""
    return {
        "LISTENING_PORT": str(port),
        **({"MODEL_MOUNT_PATH": model} if model else {}),
        **{str(each["name"]): str(each.get("value", "")) for each in container.get("env") or ()},
    }


def _model_path(config: Mapping[str, Any]) -> str:
    """Return where the model lies; empty without one."""
    storages = [storage for storage in config.get("storage") or () if storage.get("oss")]
    marked = [each for each in storages if _is_model(each)]
    usual = [each for each in storages if _plain(each) == _MODEL]
    others = [each for each in storages if _plain(each) != _CODE]
    return next((_path(each) for each in (*marked, *usual, *others)), "")


def _is_model(storage: Mapping[str, Any]) -> bool:
    return (storage.get("properties") or {}).get("resource_type") == "model" or _plain(storage) == _MODEL


def _code_path(objects: Sequence[ObjectMount]) -> str:
    return next((mount.path for mount in objects if mount.path.rstrip("/") == _CODE), "")


def _plain(storage: Mapping[str, Any]) -> str:
    return str(storage.get("mount_path") or "").rstrip("/")


def _objects(config: Mapping[str, Any]) -> Iterator[ObjectMount]:
    for storage in config.get("storage") or ():
        if place := storage.get("oss"):
            writable = not (place.get("readOnly") or _is_model(storage))
            yield ObjectMount(_path(storage), OssUri.parse(str(place.get("path"))).folder(), writable)


def _scratch(config: Mapping[str, Any]) -> Iterator[str]:
    for storage in config.get("storage") or ():
        if "empty_dir" in storage:
            yield _path(storage)


def _path(storage: Mapping[str, Any]) -> str:
    path = PurePosixPath(str(storage.get("mount_path") or ""))
    outside = not path.is_absolute() or len(path.parts) == 1 or ".." in path.parts
    if outside or (path.parts[1] in _OWN_PLACES and path != _SHARED_MEMORY):
        raise ValueError(f"nothing can be mounted at {storage.get('mount_path')!r}")
    # The slash at the end stays: a script may put a file's name behind the variable.
    return str(storage["mount_path"])
