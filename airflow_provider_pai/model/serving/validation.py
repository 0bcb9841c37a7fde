"""What is wrong with a service, in its author's words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.serving.names import is_service_name
from airflow_provider_pai.model.serving.request import RESERVED_LABELS
from airflow_provider_pai.model.serving.spec import (
    CODE_MOUNT_PATH,
    DEFAULT_PORT,
    MODEL_MOUNT_PATH,
    RESERVED_PORTS,
    ServiceSpec,
)
from airflow_provider_pai.model.training.resource_validation import INSTANCE_TYPE, vpc_problems
from airflow_provider_pai.model.training.resources import UserVpcConfig
from airflow_provider_pai.model.training.validation import (
    character_problems,
    command_problems,
    environment_problems,
    image_uri_problems,
)
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import shown, with_unix_lines

_RESOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED_PREFIX = "airflow."
_CHECK_NUMBERS = (
    "initial_delay_seconds",
    "period_seconds",
    "timeout_seconds",
    "success_threshold",
    "failure_threshold",
)
_LEAST = {"initial_delay_seconds": 0}
"""The least value of a health check's number; 1 for all others."""
_MAX_LABELS, _MAX_LABEL = 50, 128
_KERNEL_FOLDERS = ("dev", "proc", "sys")
_SYSTEM_FOLDERS = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr")
_CONTAINER_ONLY = ("image_uri", "command", "source_dir", "environments", "requirements", "health_check")
_TEXTS = (
    *("service_name", "model_uri", "model_mount_path", "processor", "image_uri", "command", "source_dir"),
    *("instance_type", "resource_id", "group"),
)


def read_service(arguments: Mapping[str, Any]) -> tuple[ServiceSpec, list[Problem]]:
    """Turn arguments, as they come out of a DAG file, into a spec and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name; None stands for "not given".

    Returns:
        The spec, made of what could be read, and all problems; the spec may be used only when there are none.
    """
    reader = Reader(arguments)
    texts = {name: reader.text(name) for name in _TEXTS}
    texts["command"] = None if texts["command"] is None else with_unix_lines(texts["command"])
    spec = ServiceSpec(
        **{name: text for name, text in texts.items() if text is not None}
        | {"service_name": texts["service_name"] or ""},
        port=_number(reader.whole("port"), DEFAULT_PORT),
        environments={name: with_unix_lines(text) for name, text in reader.texts("environments").items()},
        requirements=reader.lines("requirements"),
        cpu=reader.number("cpu"),
        memory=reader.number("memory"),
        gpu=reader.whole("gpu"),
        instance_count=_number(reader.whole("instance_count"), 1),
        user_vpc_config=reader.record("user_vpc_config", UserVpcConfig),
        labels=reader.texts("labels"),
        health_check=reader.json("health_check"),
        extra_config=reader.json("extra_config"),
    )
    found = [*reader.problems, *_empty_problems(texts)]
    return spec, [*found, *(found for found in service_problems(spec) if found.argument not in reader.unread)]


def _empty_problems(texts: Mapping[str, str | None]) -> Iterator[Problem]:
    """An empty text is what a template leaves of a value that is not there; it must not mean "none"."""
    for name in ("model_uri", "source_dir", "group", "resource_id", "processor"):
        if texts[name] == "":
            yield Problem(
                name, "is empty: the template or task that it comes from gave nothing; give it, or leave it out"
            )


def missing_value_problems(arguments: Mapping[str, Any], given: Iterable[str]) -> Iterator[Problem]:
    """Yield which arguments have become None: a service must not go without what its author has given it.

    Args:
        arguments: the arguments by name, after templates and results of other tasks have been put in.
        given: names of those that were not None before.
    """
    for name in given:
        if arguments[name] is None:
            yield Problem(
                name, "is None: the template or task that it comes from gave nothing; give it, or leave it out"
            )


def service_problems(spec: ServiceSpec) -> list[Problem]:
    """Return every reason why the service can't work, in its author's words; empty when there is none."""
    return [
        *name_problems("service_name", spec.service_name),
        *(name_problems("group", spec.group) if spec.group else ()),
        *_program_problems(spec),
        *_model_problems(spec),
        *_source_problems(spec.source_dir),
        *_resource_problems(spec),
        *_check_problems(spec.health_check),
        *_line_problems(spec),
        *_character_problems(spec),
    ]


def read_service_name(argument: str, value: object) -> tuple[str, list[Problem]]:
    """Read the name of a service or group, and say what is wrong with it."""
    reader = Reader({argument: value})
    name = reader.text(argument) or ""
    return name, reader.problems or list(name_problems(argument, name))


def name_problems(argument: str, name: str) -> Iterator[Problem]:
    """Yield why EAS would refuse a name."""
    if not name:
        yield Problem(argument, "is missing: give the name that callers know the service by")
    elif not is_service_name(name):
        yield Problem(
            argument,
            f"{shown(name)} is no name for EAS: use 3 to 63 lower-case letters, digits and underscores, a letter first",
        )


def pair_problems(spec: ServiceSpec) -> Iterator[Problem]:
    """Yield why two services can't take turns in a group of a service's name."""
    if spec.group:
        yield Problem("group", "has no meaning with this strategy: the group is called service_name; leave it out")


def _program_problems(spec: ServiceSpec) -> Iterator[Problem]:
    if spec.processor:
        for name in _CONTAINER_ONLY:
            if getattr(spec, name):
                yield Problem(
                    name, "and processor contradict each other: a processor is EAS's own program; give one of them"
                )
        if not spec.model_uri:
            yield Problem("model_uri", "is missing: say where the model is that the processor serves")
        return
    if not spec.image_uri.strip():
        yield Problem(
            "image_uri", "is missing: give the image of the container, or processor for one of EAS's own programs"
        )
    else:
        yield from image_uri_problems(spec.image_uri)
    yield from command_problems(spec.command)
    if not spec.command.strip():
        yield Problem("command", "is missing: say what the container runs, for example 'python serve.py'")
    if not 0 < spec.port < 65536:
        yield Problem("port", f"must be from 1 to 65535, not {spec.port}")
    elif spec.port in RESERVED_PORTS:
        yield Problem("port", f"{spec.port} is reserved by EAS; listen on another, for example {DEFAULT_PORT}")


def _model_problems(spec: ServiceSpec) -> Iterator[Problem]:
    if spec.model_uri:
        yield from _address_problems("model_uri", spec.model_uri)
    elif not spec.processor and spec.model_mount_path != MODEL_MOUNT_PATH:
        yield Problem("model_mount_path", "is given without model_uri; give the model's OSS folder, too")
    yield from _mount_path_problems(spec.model_mount_path, has_code=bool(spec.source_dir))


def _mount_path_problems(given: str, *, has_code: bool) -> Iterator[Problem]:
    # Two slashes at the beginning are one to the system, and none of them to this library.
    path, code = PurePosixPath(re.sub(r"\A/+", "/", given)), PurePosixPath(CODE_MOUNT_PATH)
    if not path.is_absolute() or len(path.parts) == 1 or ".." in path.parts:
        yield Problem("model_mount_path", f"must be a folder below the root, such as {MODEL_MOUNT_PATH}, not {given!r}")
    elif path.parts[1] in _KERNEL_FOLDERS or str(path) in _SYSTEM_FOLDERS:
        yield Problem("model_mount_path", f"{given!r} would hide a folder that every process needs; give another")
    elif has_code and (path.is_relative_to(code) or code.is_relative_to(path)):
        yield Problem("model_mount_path", f"can't be {given!r}: source_dir is mounted at {CODE_MOUNT_PATH}")


def _source_problems(source_dir: str) -> Iterator[Problem]:
    if source_dir.startswith("oss://"):
        yield from _address_problems("source_dir", source_dir)
        if source_dir.endswith((".tar.gz", ".tgz", ".zip")):
            yield Problem("source_dir", f"{source_dir!r} is an archive, which a service can't mount; give a folder")
    elif source_dir and ("://" in source_dir or not source_dir.strip()):
        yield Problem("source_dir", f"{source_dir!r} is neither a local folder nor an OSS folder; give one of them")


def _address_problems(argument: str, uri: str) -> Iterator[Problem]:
    try:
        OssUri.parse(uri)
    except ValueError as error:
        yield Problem(argument, f": {error}")
        return
    if uri != uri.strip():
        yield Problem(argument, f": {uri!r} begins or ends with white space; remove it")


def _resource_problems(spec: ServiceSpec) -> Iterator[Problem]:
    if spec.resource_id:
        yield from _group_problems(spec)
    else:
        if not spec.instance_type:
            yield Problem(
                "instance_type",
                "is missing: give an ECS instance type such as 'ecs.c6.large', or resource_id, cpu and memory for a "
                "resource group",
            )
        elif not INSTANCE_TYPE.fullmatch(spec.instance_type):
            yield Problem(
                "instance_type", f"{spec.instance_type!r} is no ECS instance type; they look like 'ecs.c6.large'"
            )
        for name in ("cpu", "memory", "gpu"):
            if getattr(spec, name) is not None:
                yield Problem(name, "counts in a resource group only; give resource_id, too, or leave it out")
    if spec.instance_count < 1:
        yield Problem("instance_count", f"must be at least 1, not {spec.instance_count}")
    if vpc := spec.user_vpc_config:
        yield from vpc_problems(replace(vpc, extended_cidrs=(), default_route=""))
        for name in ("extended_cidrs", "default_route"):
            if getattr(vpc, name):
                yield Problem(
                    "user_vpc_config", f"[{name!r}] is for training jobs; EAS has no such member, leave it out"
                )


def _group_problems(spec: ServiceSpec) -> Iterator[Problem]:
    if spec.instance_type:
        yield Problem(
            "instance_type", "and resource_id contradict each other: give public resources or a resource group"
        )
    if not _RESOURCE_ID.fullmatch(spec.resource_id):
        yield Problem(
            "resource_id", f"{spec.resource_id!r} is no id of a resource group; they look like 'eas-r-abc123'"
        )
    for name, unit in (("cpu", "vCPUs"), ("memory", "GiB")):
        value = getattr(spec, name)
        if value is None:
            yield Problem(name, f"is missing: say how many {unit} an instance takes of the resource group")
        elif not (math.isfinite(value) and value > 0):
            yield Problem(name, f"must be a number of {unit} above 0, not {value}")
    if spec.gpu is not None and spec.gpu < 0:
        yield Problem("gpu", f"must be a number of GPUs, at least 0, not {spec.gpu}")


def _check_problems(check: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in check.items():
        if name == "path":
            if not isinstance(value, str) or not value.startswith("/"):
                yield Problem("health_check", f"['path'] must begin with a slash, not be {value!r}")
        elif name not in _CHECK_NUMBERS:
            yield Problem(
                "health_check", f"has the unknown member {name!r}; it may have path, {', '.join(_CHECK_NUMBERS)}"
            )
        elif not isinstance(value, int) or isinstance(value, bool) or value < _LEAST.get(name, 1):
            least = _LEAST.get(name, 1)
            yield Problem("health_check", f"[{name!r}] must be a whole number, at least {least}, not {shown(value)}")


def _line_problems(spec: ServiceSpec) -> Iterator[Problem]:
    yield from environment_problems(spec.environments, spec.requirements)
    yield from _label_problems(spec.labels)
    if {"name", "labels"} & set(spec.extra_config):
        yield Problem("extra_config", "can't have 'name' or 'labels': there are arguments for them")
    metadata = spec.extra_config.get("metadata")
    if isinstance(metadata, Mapping) and "name" in metadata:
        yield Problem("extra_config", "['metadata'] can't have 'name': service_name is the argument for it")


def _label_problems(labels: Mapping[str, str]) -> Iterator[Problem]:
    if len(labels) > _MAX_LABELS - len(RESERVED_LABELS):
        most = _MAX_LABELS - len(RESERVED_LABELS)
        yield Problem("labels", f"has {len(labels)} labels; EAS takes {_MAX_LABELS}, of which {most} are the author's")
    for name, value in labels.items():
        if not name or name.startswith(_RESERVED_PREFIX):
            yield Problem("labels", f": {name!r} must be a name that does not begin with {_RESERVED_PREFIX!r}")
        elif max(len(name), len(value)) > _MAX_LABEL:
            yield Problem("labels", f": {shown(name)} and its value may have {_MAX_LABEL} characters each")


def _character_problems(spec: ServiceSpec) -> Iterator[Problem]:
    texts = {(name, ""): getattr(spec, name) for name in _TEXTS}
    texts |= {("requirements", f"[{number}]"): line for number, line in enumerate(spec.requirements)}
    texts |= {
        (name, f"[{key!r}]"): key + value
        for name in ("environments", "labels")
        for key, value in getattr(spec, name).items()
    }
    for name in ("health_check", "extra_config"):
        texts[name, ""] = json.dumps(getattr(spec, name), ensure_ascii=False)
    yield from character_problems(texts)


def _number(value: int | None, default: int) -> int:
    return default if value is None else value
