"""The route that lists the instance types a service can have: those of training jobs [inferred]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.machines import MACHINES
from airflow_provider_pai.local.http.parameters import some_of
from airflow_provider_pai.local.http.response import json_response

MACHINE_SPECS = "/api/v2/public/instance_types"
_MB = 1024
SIZES: Mapping[str, tuple[int, int, int]] = {
    machine["InstanceType"]: (machine["Cpu"], machine["Gpu"], machine["Memory"] * _MB) for machine in MACHINES
}
"""vCPUs, GPUs and MB of memory by instance type."""


def routes() -> list[Route]:
    """Return the route."""
    return [Route(MACHINE_SPECS, _describe, methods=["GET"])]


def _describe(request: Request) -> Response:
    """Answer DescribeMachineSpec."""
    names = some_of(request.query_params, "InstanceTypes")
    found = [machine for machine in MACHINES if not names or machine["InstanceType"] in names]
    sizes: dict[int, set[int]] = {}
    for machine in found:
        sizes.setdefault(machine["Cpu"], set()).add(machine["Memory"])
    types = [{"CPU": cpu, "Memory": sorted(memory)} for cpu, memory in sorted(sizes.items())]
    return json_response({"InstanceMetas": [_meta(machine) for machine in found], "Types": types})


def _meta(machine: Mapping[str, Any]) -> dict[str, Any]:
    meta = {
        "InstanceType": machine["InstanceType"],
        "CPU": machine["Cpu"],
        "Memory": float(machine["Memory"]),
        "IsAvailable": True,
        "StockStatus": "WithStock",
        "Vendor": "ECS",
        "GPUAmount": machine["Gpu"],
    }
    if machine["Gpu"]:
        meta |= {"GPU": machine["GpuType"], "GPUMemory": float(machine["GpuMemory"])}
    return meta
