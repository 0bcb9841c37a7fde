"""Operations on resource quotas (PaiStudio 2022-01-12): each function returns a :class:`Call`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from airflow_provider_pai.api.answer import Page, as_object, read_page, required_text
from airflow_provider_pai.api.call import Call, segment
from airflow_provider_pai.api.endpoints import PAI_STUDIO
from airflow_provider_pai.model.training.queue_place import QueuedWorkload

WORKLOAD_PAGE_SIZE = 100
"""Workloads on a page; PAI's maximum is not public [inferred: other lists go to 100]."""


def list_quota_workloads(quota_id: str, *, page: int = 1) -> Call[Page[QueuedWorkload]]:
    """ListQuotaWorkloads: what waits in a quota's queue, of all workspaces that share it.

    Args:
        quota_id: the quota.
        page: number of the page, from 1.
    """
    query = {"Status": "Enqueued", "PageNumber": str(page), "PageSize": str(WORKLOAD_PAGE_SIZE)}
    read = partial(read_page, member="Workloads", item=_workload, before=(page - 1) * WORKLOAD_PAGE_SIZE)
    path = f"/api/v1/quotas/{segment(quota_id)}/workloads"
    return Call(PAI_STUDIO, "ListQuotaWorkloads", "GET", path, read, query)


def _workload(value: object) -> QueuedWorkload:
    item = as_object(value, "a workload")
    return QueuedWorkload(
        required_text(item, "WorkloadId"),
        str(item.get("WorkloadName") or ""),
        _position(item),
        str(item.get("Code") or ""),
        str(item.get("Reason") or ""),
    )


def _position(item: Mapping[str, object]) -> int | None:
    value = str(item.get("Position") or "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None
