"""What is wrong with what a job runs on and where it belongs, in its author's words."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from dataclasses import fields

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.training.resources import (
    PRICE_LIMIT,
    RESOURCE_TYPES,
    SETTINGS,
    SPOT_STRATEGIES,
    InstanceSpec,
    SpotSpec,
    UserVpcConfig,
)
from airflow_provider_pai.model.training.spec import TrainingJobSpec

INSTANCE_TYPE = re.compile(r"(?:ecs|ml)\.[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_AMOUNT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_COUNT = re.compile(r"[0-9]{1,4}")
_GPU_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ROLE = re.compile(r"acs:ram::[0-9]+:role/[A-Za-z0-9._/-]+")
_PRIORITIES = range(1, 10)
"""[inferred] from DLC's jobs, which have these; training jobs presumably have the same."""
_ROUTES = ("", "eth0", "eth1")
_CLOUD_ONLY = tuple(member.name for member in fields(TrainingJobSpec) if member.metadata.get("cloud_only"))


def resource_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    """Yield every reason why a job can't have the resources it names, each beginning with the argument's name."""
    if spec.is_local:
        for name in _CLOUD_ONLY:
            if getattr(spec, name):
                yield Problem(name, f"has no meaning with instance_type {spec.instance_type!r}; leave it out")
    elif spec.resource_id or spec.instance_spec:
        yield from _quota_problems(spec)
    else:
        yield from _public_problems(spec)
    if spec.instance_count < 1:
        yield Problem("instance_count", f"must be at least 1, not {spec.instance_count}")
    if spec.resource_type and spec.resource_type not in RESOURCE_TYPES:
        yield Problem("resource_type", f"must be one of {', '.join(RESOURCE_TYPES)}, not {spec.resource_type!r}")
    if spec.spot_spec:
        yield from _spot_problems(spec.spot_spec)
    if spec.user_vpc_config:
        yield from vpc_problems(spec.user_vpc_config)
    yield from _belonging_problems(spec)


def _public_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    if not spec.instance_type:
        yield Problem(
            "instance_type",
            "is missing: give an ECS instance type such as 'ecs.c6.large', "
            "or resource_id and instance_spec for a share of a quota",
        )
    elif not INSTANCE_TYPE.fullmatch(spec.instance_type):
        yield Problem("instance_type", f"{spec.instance_type!r} is no ECS instance type; they look like 'ecs.c6.large'")
    if spec.priority is not None:
        yield Problem(
            "priority", "orders the queue of a quota; give resource_id and instance_spec, too, or leave it out"
        )


def _quota_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    if spec.instance_type:
        yield Problem(
            "instance_type",
            "and resource_id contradict each other: give instance_type for public resources, "
            "or resource_id and instance_spec for a share of a quota",
        )
        return
    if not spec.resource_id:
        yield Problem("resource_id", "is missing: instance_spec is a share of a quota; give the quota's id")
    elif not _ID.fullmatch(spec.resource_id):
        yield Problem("resource_id", f"{spec.resource_id!r} is no id of a quota; they look like 'quota1234567890'")
    if spec.instance_spec:
        yield from _share_problems(spec.instance_spec)
    else:
        yield Problem(
            "instance_spec", "is missing: say what an instance takes of the quota, such as {'cpu': 4, 'memory': 16}"
        )
    if spec.spot_spec:
        yield Problem(
            "spot_spec",
            "and resource_id contradict each other: spot instances are public resources; give instance_type",
        )
    if spec.priority is not None and spec.priority not in _PRIORITIES:
        yield Problem("priority", f"must be from {_PRIORITIES[0]} to {_PRIORITIES[-1]}, not {spec.priority}")


def _share_problems(share: InstanceSpec) -> Iterator[Problem]:
    for name in ("cpu", "memory", "shared_memory"):
        value = getattr(share, name)
        if value and (not _AMOUNT.fullmatch(value) or not float(value)):
            unit = "vCPUs" if name == "cpu" else "GiB, without a unit"
            yield Problem("instance_spec", f"[{name!r}] must be a number of {unit}, not {value!r}")
    if not _COUNT.fullmatch(share.gpu):
        yield Problem("instance_spec", f"['gpu'] must be a whole number of GPUs, not {share.gpu!r}")
    if share.gpu_type and not _GPU_TYPE.fullmatch(share.gpu_type):
        yield Problem(
            "instance_spec", f"['gpu_type'] {share.gpu_type!r} is no type of GPU; they look like 'Tesla-V100-16G'"
        )
    if share.gpu_type and share.gpu == "0":
        yield Problem("instance_spec", "['gpu_type'] is given without 'gpu'; say how many GPUs")


def _spot_problems(spot: SpotSpec) -> Iterator[Problem]:
    limit = spot.spot_discount_limit
    if spot.spot_strategy not in SPOT_STRATEGIES:
        yield Problem(
            "spot_spec", f"['spot_strategy'] must be one of {', '.join(SPOT_STRATEGIES)}, not {spot.spot_strategy!r}"
        )
    elif spot.spot_strategy == PRICE_LIMIT and limit is None:
        yield Problem(
            "spot_spec", "['spot_discount_limit'] is missing: the highest part of the full price to pay, such as 0.5"
        )
    elif spot.spot_strategy != PRICE_LIMIT and limit is not None:
        yield Problem("spot_spec", f"['spot_discount_limit'] counts with {PRICE_LIMIT} only; leave it out")
    if limit is not None and not (math.isfinite(limit) and 0 < limit <= 1 and round(limit, 2) == limit):
        yield Problem(
            "spot_spec", f"['spot_discount_limit'] must be above 0, at most 1, with up to two decimals, not {limit}"
        )


def vpc_problems(vpc: UserVpcConfig) -> Iterator[Problem]:
    """Yield what is wrong with a VPC."""
    for name in ("vpc_id", "security_group_id", "switch_id"):
        value = getattr(vpc, name)
        if value and not _ID.fullmatch(value):
            yield Problem("user_vpc_config", f"[{name!r}] {value!r} is no id; use letters, digits, '-' and '_'")
    for cidr in vpc.extended_cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            yield Problem(
                "user_vpc_config", f"['extended_cidrs']: {cidr!r} is no address range such as '10.0.0.0/16' ({error})"
            )
    if vpc.default_route not in _ROUTES:
        yield Problem(
            "user_vpc_config", f"['default_route'] must be eth0 (PAI's network) or eth1, not {vpc.default_route!r}"
        )


def _belonging_problems(spec: TrainingJobSpec) -> Iterator[Problem]:
    if spec.experiment_config and not _ID.fullmatch(spec.experiment_config.experiment_id):
        yield Problem("experiment_config", f": {spec.experiment_config.experiment_id!r} is no id of an experiment")
    if spec.role_arn and not _ROLE.fullmatch(spec.role_arn):
        yield Problem(
            "role_arn", f"{spec.role_arn!r} is no RAM role; they look like 'acs:ram::1234567890123456:role/my-role'"
        )
    if unknown := sorted(set(spec.settings) - set(SETTINGS)):
        yield Problem("settings", f": unknown {', '.join(unknown)}; it may have {', '.join(SETTINGS)}")
