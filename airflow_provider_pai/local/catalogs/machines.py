"""The instance types of local PAI, and the route that lists them.

Names, sizes and GPUs are those of Alibaba Cloud's public instance families; that PAI offers just these, the names of
GPU types and the driver versions are [inferred].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.response import ErrorResponse, json_response

_PAGE_SIZE = 10
_DRIVERS = ("535.161.08", "550.127.08")
_SORT_MEMBERS = {"cpu": "Cpu", "gpu": "Gpu", "memory": "Memory"}

# Instance type, vCPUs, memory in GiB.
_CPU_TYPES = (
    ("ecs.c6.large", 2, 4),
    ("ecs.c6.xlarge", 4, 8),
    ("ecs.c6.2xlarge", 8, 16),
    ("ecs.c6.4xlarge", 16, 32),
    ("ecs.c6.8xlarge", 32, 64),
    ("ecs.c7.large", 2, 4),
    ("ecs.c7.xlarge", 4, 8),
    ("ecs.c7.2xlarge", 8, 16),
    ("ecs.c7.4xlarge", 16, 32),
    ("ecs.c7.8xlarge", 32, 64),
    ("ecs.g6.large", 2, 8),
    ("ecs.g6.xlarge", 4, 16),
    ("ecs.g6.2xlarge", 8, 32),
    ("ecs.g6.4xlarge", 16, 64),
    ("ecs.g6.8xlarge", 32, 128),
    ("ecs.g7.large", 2, 8),
    ("ecs.g7.xlarge", 4, 16),
    ("ecs.g7.2xlarge", 8, 32),
    ("ecs.g7.4xlarge", 16, 64),
    ("ecs.g7.8xlarge", 32, 128),
    ("ecs.r7.large", 2, 16),
    ("ecs.r7.xlarge", 4, 32),
    ("ecs.r7.2xlarge", 8, 64),
    ("ecs.r7.4xlarge", 16, 128),
)
# Instance type, vCPUs, memory in GiB, GPUs, their type, GiB of each.
_GPU_TYPES = (
    ("ecs.gn6i-c4g1.xlarge", 4, 15, 1, "T4", 16),
    ("ecs.gn6i-c8g1.2xlarge", 8, 31, 1, "T4", 16),
    ("ecs.gn6i-c16g1.4xlarge", 16, 62, 1, "T4", 16),
    ("ecs.gn6i-c24g1.6xlarge", 24, 93, 1, "T4", 16),
    ("ecs.gn6i-c24g1.12xlarge", 48, 186, 2, "T4", 16),
    ("ecs.gn6v-c8g1.2xlarge", 8, 32, 1, "V100", 16),
    ("ecs.gn6v-c8g1.8xlarge", 32, 128, 4, "V100", 16),
    ("ecs.gn6v-c8g1.16xlarge", 64, 256, 8, "V100", 16),
    ("ecs.gn6e-c12g1.3xlarge", 12, 92, 1, "V100", 32),
    ("ecs.gn7i-c8g1.2xlarge", 8, 30, 1, "A10", 24),
    ("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, "A10", 24),
    ("ecs.gn7i-c32g1.8xlarge", 32, 188, 1, "A10", 24),
    ("ecs.gn7i-c32g1.16xlarge", 64, 376, 2, "A10", 24),
    ("ecs.gn7i-c32g1.32xlarge", 128, 752, 4, "A10", 24),
    ("ecs.gn7e-c16g1.4xlarge", 16, 125, 1, "A100", 80),
    ("ecs.gn7e-c16g1.32xlarge", 128, 1000, 8, "A100", 80),
)


def _machine(instance_type: str, cpu: int, memory: int) -> dict[str, Any]:
    return {
        "InstanceType": instance_type,
        "AcceleratorType": "CPU",
        "Cpu": cpu,
        "Memory": memory,
        "Gpu": 0,
        "IsAvailable": True,
        "ResourceType": "ECS",
        "PaymentTypes": ["PostPaid", "Spot"],
        "SpotStockStatus": "WithStock",
    }


def _gpu_machine(instance_type: str, cpu: int, memory: int, gpu: int, gpu_type: str, gpu_memory: int) -> dict[str, Any]:
    return {
        **_machine(instance_type, cpu, memory),
        "AcceleratorType": "GPU",
        "Gpu": gpu,
        "GpuType": gpu_type,
        "GpuMemory": gpu_memory,
        "DefaultGPUDriver": _DRIVERS[0],
        "SupportedGPUDrivers": list(_DRIVERS),
    }


MACHINES = tuple(_machine(*row) for row in _CPU_TYPES) + tuple(_gpu_machine(*row) for row in _GPU_TYPES)
_BY_NAME = {machine["InstanceType"]: machine for machine in MACHINES}


def is_known(instance_type: str) -> bool:
    """Tell whether PAI offers an instance type."""
    return instance_type in _BY_NAME


def routes() -> list[Route]:
    """Return the routes of the instance types."""
    return [Route("/api/v1/ecsspecs", _list, methods=["GET"])]


def _list(request: Request) -> Response:
    """Answer ListEcsSpecs."""
    query = request.query_params
    rows = _sort([machine for machine in MACHINES if _matches(machine, query)], query)
    return json_response({"EcsSpecs": list(PageRequest.asked(query, _PAGE_SIZE).of(rows)), "TotalCount": len(rows)})


def _matches(machine: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    names = query.get("InstanceTypes")
    return (
        (not names or machine["InstanceType"] in names.split(","))
        and query.get("AcceleratorType") in (None, "", machine["AcceleratorType"])
        and query.get("ResourceType") in (None, "", machine["ResourceType"])
    )


def _sort(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Sort; types have no creation time here, so ``GmtCreateTime`` keeps the table's order, older families first."""
    sort_by, backwards = query.get("SortBy", "").lower(), descending(query)
    if sort_by in ("", "gmtcreatetime"):
        return rows[::-1] if backwards else rows
    if sort_by not in _SORT_MEMBERS:
        raise ErrorResponse(
            400, "InvalidParameter", "The parameter SortBy is invalid: CPU, GPU, Memory or GmtCreateTime."
        )
    return sorted(rows, key=lambda row: int(row[_SORT_MEMBERS[sort_by]]), reverse=backwards)
