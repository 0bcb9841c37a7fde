"""Instance types that jobs can run on (DLC 2020-12-03, ListEcsSpecs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from airflow_provider_pai.api.answer import Page, as_object, read_page, required_text
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.endpoints import DLC


@dataclass(frozen=True)
class EcsSpec:
    """An instance type.

    Attributes:
        instance_type: its name, such as ``ecs.c6.large``.
        cpu: number of vCPUs.
        memory_gib: memory in GiB.
        gpu: number of GPUs.
        gpu_type: their type; empty without GPU.
        available: whether PAI has it to offer now.
    """

    instance_type: str
    cpu: int
    memory_gib: int
    gpu: int
    gpu_type: str
    available: bool


def list_ecs_specs(instance_types: Sequence[str] = (), *, page: int = 1, page_size: int = 100) -> Call[Page[EcsSpec]]:
    """ListEcsSpecs.

    Args:
        instance_types: only these; all when empty.
        page: number of the page, from 1.
        page_size: items on a page.
    """
    query = {"PageNumber": str(page), "PageSize": str(page_size)}
    if instance_types:
        query["InstanceTypes"] = ",".join(instance_types)
    read = partial(read_page, member="EcsSpecs", item=_spec, before=(page - 1) * page_size)
    return Call(DLC, "ListEcsSpecs", "GET", "/api/v1/ecsspecs", read, query)


def _spec(value: object) -> EcsSpec:
    item = as_object(value, "an item of EcsSpecs")
    return EcsSpec(
        instance_type=required_text(item, "InstanceType"),
        cpu=int(item.get("Cpu") or 0),
        memory_gib=int(item.get("Memory") or 0),
        gpu=int(item.get("Gpu") or 0),
        gpu_type=str(item.get("GpuType") or ""),
        available=bool(item.get("IsAvailable", True)),
    )
