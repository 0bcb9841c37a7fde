"""What CreateTrainingJob refuses of the machines that a job asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.model.training.resources import PRICE_LIMIT, RESOURCE_TYPES, SPOT_STRATEGIES

Body = Mapping[str, Any]

MAX_INSTANCES = 64
"""All instances of a job, or of a service, run on this one machine."""
_PRIORITIES = range(1, 10)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,3})?")
_OF_ECS = ("EcsSpec", "EcsCount", "UseSpotInstance", "SpotSpec")
_OF_QUOTA = ("InstanceSpec", "InstanceCount")


def required_members(compute: Body) -> tuple[str, ...]:
    """Return which members of ComputeResource a job needs: an instance type, or a share of a quota."""
    if not any(compute.get(name) for name in ("ResourceId", *_OF_QUOTA)):
        return ("EcsSpec",)
    return ("ResourceId", "InstanceSpec", "InstanceSpec.CPU", "InstanceSpec.Memory")


def contradictions(compute: Body) -> Iterator[str]:
    """Yield members of ComputeResource that can't both be given."""
    for first in ("ResourceId", *_OF_QUOTA):
        for second in _OF_ECS:
            if compute.get(first) and compute.get(second):
                yield f"ComputeResource.{second} and ComputeResource.{first} contradict each other"


def compute_problems(body: Body, quota: Quota, ecs_spec_known: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is wrong with the machines that a job asks for.

    Args:
        body: a body of the operation's form, which has the required members.
        quota: the quota there is.
        ecs_spec_known: tells whether an instance type exists.
    """
    compute, algorithm = body["ComputeResource"], body["AlgorithmSpec"]
    if compute.get("ResourceId"):
        count_member = "InstanceCount"
        yield from _quota_problems(compute, quota)
    else:
        count_member = "EcsCount"
        yield from _ecs_problems(body, compute, ecs_spec_known)
    count, job_type = compute.get(count_member, 1), algorithm["JobType"]
    where = f"ComputeResource.{count_member}"
    if not 1 <= count <= MAX_INSTANCES:
        yield f"{where} is invalid: local PAI runs 1 to {MAX_INSTANCES} instances of a job"
    if count > 1 and algorithm.get("SupportsDistributedTraining") is False:
        yield f"{where} is invalid: AlgorithmSpec.SupportsDistributedTraining is false"
    if count > 1 and job_type != "PyTorchJob":
        yield f"{where} is not supported: local PAI runs several instances of a PyTorchJob only, not of a {job_type}"
    if body.get("Priority", _PRIORITIES[0]) not in _PRIORITIES:
        yield f"Priority is invalid: it must be from {_PRIORITIES[0]} to {_PRIORITIES[-1]}"
    yield from _resource_type_problems(body.get("ResourceType"))


def _ecs_problems(body: Body, compute: Body, ecs_spec_known: Callable[[str], bool]) -> Iterator[str]:
    if not ecs_spec_known(compute["EcsSpec"]):
        yield f"ComputeResource.EcsSpec is invalid: there is no instance type {compute['EcsSpec']}"
    supported = body["AlgorithmSpec"].get("SupportedInstanceTypes")
    if supported and compute["EcsSpec"] not in supported:
        yield f"ComputeResource.EcsSpec is invalid: AlgorithmSpec.SupportedInstanceTypes are {', '.join(supported)}"
    yield from _spot_problems(compute)


def _quota_problems(compute: Body, quota: Quota) -> Iterator[str]:
    where, spec = "ComputeResource.InstanceSpec", compute["InstanceSpec"]
    if compute["ResourceId"] != quota.quota_id:
        yield f"ComputeResource.ResourceId is invalid: there is no resource quota {compute['ResourceId']}"
    wrong = [name for name in ("CPU", "Memory", "GPU", "SharedMemory") if not _is_amount(name, spec.get(name))]
    for name in wrong:
        what = "whole number" if name == "GPU" else "number, in GiB" if "Memory" in name else "number"
        yield f"{where}.{name} is invalid: it must be a {what} such as '8', not {spec[name]!r}"
    if not wrong and float(spec.get("SharedMemory") or 0) > float(spec["Memory"]):
        yield f"{where}.SharedMemory is invalid: it is part of Memory and can't be more"
    gpu_type = spec.get("GPUType")
    if gpu_type and gpu_type != quota.gpu_type:
        yield f"{where}.GPUType is invalid: the quota has GPUs of type {quota.gpu_type}, not {gpu_type}"


def _is_amount(name: str, text: str | None) -> bool:
    if not text:
        return True
    number = _NUMBER.fullmatch(text) is not None and (name != "GPU" or "." not in text)
    return number and (float(text) > 0 or name in ("GPU", "SharedMemory"))


def _spot_problems(compute: Body) -> Iterator[str]:
    """SpotSpec decides what a job costs, and changes nothing that it sees; so it need only make sense."""
    where, spec = "ComputeResource.SpotSpec", compute.get("SpotSpec")
    if not spec:
        return
    strategy, limit = spec.get("SpotStrategy", ""), spec.get("SpotDiscountLimit")
    if compute.get("UseSpotInstance") is False:
        yield f"{where} and UseSpotInstance contradict each other: it is false"
    if strategy not in SPOT_STRATEGIES:
        yield f"{where}.SpotStrategy is invalid: it must be one of {', '.join(SPOT_STRATEGIES)}, not {strategy!r}"
    elif strategy == PRICE_LIMIT and limit is None:
        yield f"{where}.SpotDiscountLimit is required with {strategy}"
    elif strategy != PRICE_LIMIT and limit is not None:
        yield f"{where}.SpotDiscountLimit is invalid: only {PRICE_LIMIT} has a limit"
    elif limit is not None and not (0 < limit <= 1 and round(limit, 2) == limit):
        yield f"{where}.SpotDiscountLimit is invalid: it must be above 0, at most 1, and have at most 2 decimal places"


def _resource_type_problems(resource_type: str | None) -> Iterator[str]:
    if resource_type and resource_type not in RESOURCE_TYPES:
        yield f"ResourceType is invalid: it must be one of {', '.join(RESOURCE_TYPES)}, not {resource_type!r}"
    elif resource_type == "Lingjun":
        yield "ResourceType is not supported: local PAI has no Lingjun resources"
