"""What is refused of the machines and the metadata of a service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_pai.local.eas.config import instance_type
from airflow_provider_pai.local.eas.names import name_problems
from airflow_provider_pai.local.eas.record import GROUPING, STANDALONE
from airflow_provider_pai.local.jobs.compute_checks import MAX_INSTANCES

Body = Mapping[str, Any]

TRAFFIC_STATES = (STANDALONE, GROUPING)
_POSITIVE = ("shm_size", "eas.termination_grace_period", "rpc.keepalive", "rpc.max_queue_size")
_SIZE = re.compile(r"[1-9][0-9]{0,6}(?:Mi|Gi|Ti)?")
_SHARE = re.compile(r"(?:100|[1-9]?[0-9])%")


def resource_problems(config: Body, instance_type_known: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is wrong with the machines that a service asks for."""
    metadata, chosen = config.get("metadata", {}), instance_type(config)
    computing = config.get("cloud", {}).get("computing", {})
    for member in ("resource", "quota_id"):
        if metadata.get(member):
            yield (
                f"metadata.{member} is not supported: local PAI has no dedicated resources for services; "
                "send cloud.computing.instance_type"
            )
    if computing.get("instance_type") and computing.get("instances"):
        yield "cloud.computing.instance_type and cloud.computing.instances contradict each other"
    types = [computing.get("instance_type", ""), *(item.get("type", "") for item in computing.get("instances", ()))]
    for name in filter(None, types):
        if not instance_type_known(name):
            yield f"cloud.computing is invalid: there is no instance type {name}"
    if not chosen and not (metadata.get("cpu") and metadata.get("memory")):
        yield "cloud.computing.instance_type, or metadata.cpu and metadata.memory, is required"
    for member in ("cpu", "memory", "gpu"):
        least = 0 if member == "gpu" else 1e-3
        if metadata.get(member, least) < least:
            yield f"metadata.{member} is invalid: it must be {'at least 0' if member == 'gpu' else 'above 0'}"


def metadata_problems(metadata: Body, workspace_id: str) -> Iterator[str]:
    """Yield what is wrong with what else a service's metadata says."""
    if not 1 <= metadata.get("instance", 1) <= MAX_INSTANCES:
        yield f"metadata.instance is invalid: local PAI runs 1 to {MAX_INSTANCES} instances of a service"
    if metadata.get("type", "Standard") != "Standard":
        yield f"metadata.type is not supported with {metadata['type']!r}: local PAI has Standard services only"
    if str(metadata.get("workspace_id") or workspace_id) != workspace_id:
        yield f"metadata.workspace_id is invalid: there is no workspace {metadata['workspace_id']}"
    yield from _group_problems(metadata)
    for member, value in metadata.get("rolling_strategy", {}).items():
        if not _is_amount(value):
            yield f"metadata.rolling_strategy.{member} is invalid: it must be a whole number or a share such as '50%'"
    if not _SIZE.fullmatch(metadata.get("disk", "30Gi")):
        yield "metadata.disk is invalid: it must be a size such as 30Gi"
    for path in _POSITIVE:
        if _number(metadata, path) < 1:
            yield f"metadata.{path} is invalid: it must be at least 1"


def _group_problems(metadata: Body) -> Iterator[str]:
    group, traffic = metadata.get("group"), metadata.get("traffic_state", STANDALONE)
    if group:
        yield from name_problems("metadata.group", group)
    if traffic not in TRAFFIC_STATES:
        yield f"metadata.traffic_state is invalid: it must be one of {', '.join(TRAFFIC_STATES)}"
    elif traffic == GROUPING and not group:
        yield f"metadata.traffic_state is invalid: {GROUPING} needs metadata.group"


def _number(metadata: Body, path: str) -> int:
    value: Any = metadata
    for name in path.split("."):
        value = value.get(name, {})
    return 1 if value == {} else int(value)


def _is_amount(value: object) -> bool:
    if isinstance(value, str):
        return _SHARE.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
