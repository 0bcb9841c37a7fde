"""What is refused of a service's containers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.eas.config import DEFAULT_PORT
from airflow_provider_pai.local.eas.schema import CHECKS
from airflow_provider_pai.model.images.uri import is_image_uri
from airflow_provider_pai.model.requirement import requirement_problem

Body = Mapping[str, Any]

_RESERVED_PORTS = (8080, 9090)
_MAX_PORT = 65535
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEAST = {"initial_delay_seconds": 0}
"""The least value of a check's number; 1 for all others."""


def container_problems(containers: Sequence[Body]) -> Iterator[str]:
    """Yield what is wrong with containers of the right form.

    Whether there is such an image turns out when an instance is made: as in the cloud, it then can't be pulled.
    """
    if len(containers) != 1:
        yield f"containers is not supported with {len(containers)} items: local PAI runs one container in an instance"
        return
    where, container = "containers[0]", containers[0]
    if not is_image_uri(container.get("image", "")):
        yield f"{where}.image is invalid: {container.get('image', '')!r} is no image URI"
    yield from _port_problems(f"{where}.port", container.get("port", DEFAULT_PORT))
    yield from _command_problems(where, container)
    yield from _variable_problems(f"{where}.env", container.get("env", ()))
    yield from _requirement_problems(f"{where}.prepare", container.get("prepare", {}))
    for name in CHECKS:
        if name in container:
            yield from _check_problems(f"{where}.{name}", container[name])


def _port_problems(where: str, port: int) -> Iterator[str]:
    if not 1 <= port <= _MAX_PORT:
        yield f"{where} is invalid: it must be from 1 to {_MAX_PORT}"
    elif port in _RESERVED_PORTS:
        yield f"{where} is invalid: EAS uses the ports {' and '.join(map(str, _RESERVED_PORTS))} itself"


def _command_problems(where: str, container: Body) -> Iterator[str]:
    script, command, args = (container.get(name) for name in ("script", "command", "args"))
    if script and command:
        yield f"{where}.script and {where}.command contradict each other"
    if not script and not command:
        yield f"{where}.script or {where}.command is required: local PAI does not know what the image starts by itself"
    if args and not command:
        yield f"{where}.args is invalid: it needs {where}.command"
    wrong = [name for name, value in (("command", command), ("args", args)) if not _is_command(value)]
    for name in wrong:
        yield f"{where}.{name} must be a string or a list of strings"
    if not wrong and any("\0" in text for text in (script or "", *_texts(command), *_texts(args))):
        yield f"{where} is invalid: what a process gets can't hold NUL characters"


def _texts(command: Any) -> list[str]:
    return [command] if isinstance(command, str) else [*(command or ())]


def _is_command(value: Any) -> bool:
    return value is None or all(isinstance(item, str) for item in (value if isinstance(value, list) else [value]))


def _variable_problems(where: str, variables: Sequence[Body]) -> Iterator[str]:
    seen = set()
    for index, variable in enumerate(variables):
        name = variable.get("name", "")
        if not _VARIABLE.fullmatch(name):
            yield f"{where}[{index}].name is invalid: {name!r} is no name of an environment variable"
        elif name in seen:
            yield f"{where} has {name!r} twice"
        if "\0" in variable.get("value", ""):
            yield f"{where}[{index}].value is invalid: what a process gets can't hold NUL characters"
        seen.add(name)


def _requirement_problems(where: str, prepare: Body) -> Iterator[str]:
    lines, path = prepare.get("pythonRequirements"), prepare.get("pythonRequirementsPath")
    if lines and path:
        yield f"{where}.pythonRequirements and {where}.pythonRequirementsPath contradict each other"
    for line in lines or ():
        if problem := requirement_problem(line):
            yield f"{where}.pythonRequirements is invalid: {line!r} {problem}"
    if path is not None and not path.startswith("/"):
        yield f"{where}.pythonRequirementsPath is invalid: {path!r} must be an absolute path"


def _check_problems(where: str, check: Body) -> Iterator[str]:
    kinds = [name for name in ("http_get", "tcp_socket") if name in check]
    if len(kinds) != 1:
        yield f"{where} is invalid: it must have one of http_get and tcp_socket"
    for kind in kinds:
        port, path = check[kind].get("port"), check[kind].get("path")
        if port is None or not 1 <= port <= _MAX_PORT:
            yield f"{where}.{kind}.port is invalid: it must be from 1 to {_MAX_PORT}"
        if kind == "http_get" and not (path or "").startswith("/"):
            yield f"{where}.{kind}.path is invalid: it must begin with a slash"
    for name, value in check.items():
        if name not in kinds and value < (least := _LEAST.get(name, 1)):
            yield f"{where}.{name} is invalid: it must be at least {least}"
