"""The resource quota of local PAI: what jobs without an instance type of their own may have altogether.

There is one, bound to the workspace. Its status, and that jobs wait strictly in order, are [inferred].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.workloads import STRATEGY, Workloads
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.parameters import flag, invalid, one_of, refuse, some_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.jobs.quota_usage import Amount, Quota, QuotaUsage, usage

QUOTAS = "/api/v1/quotas/"
"""Of ListQuotas, with the slash that PaiStudio's clients send."""
_PAGE_SIZE = 10
_TYPES = ("ECS", "Lingjun", "ACS")
_SORTABLE = ("QuotaName", "Status", "CPU", "Memory", "GPU", "GmtCreatedTime", "GmtModifiedTime")


def routes(
    quota: Quota, workspace_id: str, created: datetime, jobs: Callable[[], Sequence[Mapping[str, Any]]]
) -> list[Route]:
    """Return the routes of quotas.

    Args:
        quota: the one there is.
        workspace_id: the workspace it is bound to.
        created: when it came to be.
        jobs: returns all stored jobs, oldest first.
    """
    handlers = _Quotas(quota, workspace_id, wire_time(created), lambda: usage(jobs()))
    return [
        Route(QUOTAS, handlers.list, methods=["GET"]),
        Route(f"{QUOTAS}{{QuotaId}}", handlers.get, methods=["GET"]),
        Route(f"{QUOTAS}{{QuotaId}}/workloads", Workloads(quota, jobs).answer, methods=["GET"]),
    ]


@dataclass(frozen=True)
class _Quotas:
    quota: Quota
    workspace_id: str
    created: str
    usage: Callable[[], QuotaUsage]

    def list(self, request: Request) -> Response:
        query = request.query_params
        # One quota has one order, but wrong values are refused nevertheless.
        descending(query)
        one_of(query, "SortBy", _SORTABLE)
        # One quota without parent and children is the same tree and list, and has no details beyond these.
        one_of(query, "LayoutMode", ("tree", "list"))
        flag(query, "Verbose")
        refuse(query, ("ClusterType", "HasResource", "Versions"))
        rows = [item for item in [self._item()] if self._matches(item, query)]
        return json_response({"Quotas": list(PageRequest.asked(query, _PAGE_SIZE).of(rows)), "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        quota_id = request.path_params["QuotaId"]
        flag(request.query_params, "Verbose")
        if flag(request.query_params, "WithNodeMeta"):
            raise invalid("WithNodeMeta", "it is not supported by local PAI, which has no nodes")
        if quota_id != self.quota.quota_id:
            raise ErrorResponse(404, "QuotaNotFound", f"The quota {quota_id} does not exist.")
        return json_response(self._item())

    def _matches(self, item: Mapping[str, Any], query: Mapping[str, str]) -> bool:
        ids, workspaces = some_of(query, "QuotaIds"), some_of(query, "WorkspaceIds")
        statuses, kind = some_of(query, "Statuses"), one_of(query, "ResourceType", _TYPES, item["ResourceType"])
        return (
            (not ids or item["QuotaId"] in ids)
            and (not workspaces or self.workspace_id in workspaces)
            and (not statuses or item["Status"] in statuses)
            and kind == item["ResourceType"]
            and query.get("QuotaName", "").lower() in item["QuotaName"].lower()
            and query.get("WorkspaceName") in (None, "", item["Workspaces"][0]["WorkspaceName"])
            and query.get("GPUType") in (None, "", item["GPUType"])
            # It has no parent and no labels.
            and not query.get("ParentQuotaId")
            and not query.get("Labels")
        )

    def _item(self) -> dict[str, Any]:
        quota, usage = self.quota, self.usage()
        details = {
            "DesiredMinQuota": quota.total,
            "ActualMinQuota": quota.total,
            "AllocatableQuota": quota.total,
            "AllocatedQuota": usage.running,
            "SelfAllocatedQuota": usage.running,
            "RequestedQuota": usage.running,
            "UsedQuota": usage.running,
            "SelfSubmittedQuota": usage.submitted,
        }
        return {
            "QuotaId": quota.quota_id,
            "QuotaName": quota.name,
            "Description": "The resource quota of a local PAI.",
            "CreatorId": OWNER,
            "ResourceType": "ECS",
            "GPUType": quota.gpu_type or None,
            "Status": "Enabled",
            "QueueStrategy": STRATEGY,
            "AllocateStrategy": "ByNodeSpecs",
            "QuotaDetails": {name: _amount(amount, quota.gpu_type) for name, amount in details.items()},
            "Workspaces": [{"WorkspaceId": self.workspace_id, "WorkspaceName": "local_pai"}],
            "ResourceGroupIds": [],
            "SubQuotas": [],
            "Labels": [],
            "GmtCreatedTime": self.created,
            "GmtModifiedTime": self.created,
        }


def _amount(amount: Amount, gpu_type: str) -> dict[str, str]:
    """Write an amount as the service does: texts, GiB with their unit [inferred]."""
    written = {"CPU": f"{amount.cpu:g}", "GPU": f"{amount.gpu:g}", "Memory": f"{amount.memory_gib:g}Gi"}
    return {**written, "GPUType": gpu_type} if gpu_type else written
