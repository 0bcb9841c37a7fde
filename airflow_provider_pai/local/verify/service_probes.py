"""Probes of EAS: lists, absent services, and how those that are there already are shown; none is made or changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pai.api.endpoints import DLC, EAS
from airflow_provider_pai.local.eas.query import MAX_PAGE_SIZE
from airflow_provider_pai.local.verify.prober import Probe, Prober, Verdict, absent, refuses

_SERVICES, _GROUPS = "/api/v2/services", "/api/v2/groups"
_TWO = 2


def _services(prober: Prober, **query: str) -> list[Mapping[str, Any]]:
    asked = {"WorkspaceId": prober.workspace_id, "PageSize": "20", **query}
    return prober.ask(EAS, "ListServices", _SERVICES, **asked).rows("Services")


def _a_list_has_no_tokens(prober: Prober) -> Verdict:
    rows = _services(prober)
    return not any(row.get("AccessToken") for row in rows) if rows else None


def _newest_first(operation: str, name: str, member: str) -> Callable[[Prober], Verdict]:
    """Return a probe of the order of the rows of a service that has some."""

    def run(prober: Prober) -> Verdict:
        for service in _services(prober):
            path = (
                f"{_SERVICES}/{service.get('Region') or prober.region_id}/{service.get('ServiceName')}/{name.lower()}"
            )
            rows = prober.ask(EAS, operation, path, PageSize="100").rows(name)
            values = [row.get(member) for row in rows]
            if len(set(map(str, values))) > 1:
                return values == sorted(values, key=_order, reverse=True)
        return None

    return run


def _order(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def _all_is_well_with_a_running_service(prober: Prober) -> Verdict:
    for service in _services(prober, ServiceStatus="Running"):
        path = f"{_SERVICES}/{service.get('Region') or prober.region_id}/{service.get('ServiceName')}/diagnosis"
        answer = prober.ask(EAS, "DescribeServiceDiagnosis", path)
        return not answer.rows("DiagnosisList") if answer.is_done else None
    return None


def _services_have_the_types_of_jobs(prober: Prober) -> Verdict:
    offered = prober.ask(EAS, "DescribeMachineSpec", "/api/v2/public/instance_types").rows("InstanceMetas")
    names = {str(row.get("InstanceType")) for row in offered}
    of_jobs = prober.ask(DLC, "ListEcsSpecs", "/api/v1/ecsspecs", PageSize="20").rows("EcsSpecs")
    return {str(row.get("InstanceType")) for row in of_jobs} <= names if names and of_jobs else None


SERVICE_PROBES = (
    Probe(
        "services.page.greatest",
        f"ListServices: the greatest PageSize is {MAX_PAGE_SIZE}",
        refuses(EAS, "ListServices", _SERVICES, PageSize=str(MAX_PAGE_SIZE + 1)),
    ),
    Probe(
        "services.absent",
        "DescribeService: an absent service is InvalidService.NotFound with 404",
        absent(EAS, "DescribeService", f"{_SERVICES}/{{region}}/{{absent}}", "InvalidService.NotFound"),
    ),
    Probe(
        "groups.absent",
        "DescribeGroup: an absent group is InvalidGroup.NotFound with 404",
        absent(EAS, "DescribeGroup", f"{_GROUPS}/{{region}}/{{absent}}", "InvalidGroup.NotFound"),
    ),
    Probe("services.tokens", "ListServices: services of a list have no token", _a_list_has_no_tokens),
    Probe(
        "services.versions",
        "ListServiceVersions: the newest is the first",
        _newest_first("ListServiceVersions", "Versions", "ImageId"),
    ),
    Probe(
        "services.events",
        "DescribeServiceEvent: the newest is the first",
        _newest_first("DescribeServiceEvent", "Events", "Time"),
    ),
    Probe(
        "services.diagnosis",
        "DescribeServiceDiagnosis: nothing is said of a service that runs",
        _all_is_well_with_a_running_service,
    ),
    Probe(
        "services.types",
        "DescribeMachineSpec: services can have the instance types of training jobs",
        _services_have_the_types_of_jobs,
    ),
)
