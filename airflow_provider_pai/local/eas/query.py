"""ListServices: which services match, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_pai.local.eas.errors import invalid
from airflow_provider_pai.local.eas.record import GROUPING, STANDALONE
from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.parameters import one_of
from airflow_provider_pai.local.parsing import read_json

Row = Mapping[str, Any]

MAX_PAGE_SIZE = 1000
"""[inferred]: no maximum is public."""
STATUSES = (
    *("Creating", "Waiting", "Pending", "Running", "Updating", "HotUpdate", "Scaling", "Starting", "Stopping"),
    *("Stopped", "Cloning", "Committing", "Developing", "Complete", "Failed", "Deleting", "Deleted", "DeleteFailed"),
)
_SORTABLE = {"timestamp": "CreateTime", "CreateTime": "CreateTime", "UpdateTime": "UpdateTime"} | {
    "ServiceName": "ServiceName"
}
_EQUAL = {
    "ServiceName": "ServiceName",
    "ServiceStatus": "Status",
    "ServiceUid": "ServiceUid",
    "GroupName": "ServiceGroup",
    "WorkspaceId": "WorkspaceId",
    "TrafficState": "TrafficState",
    "Role": "Role",
    # Local services have none of these, so that none matches.
    "ResourceName": "Resource",
    "QuotaId": "QuotaId",
    "Gateway": "Gateway",
    "ParentServiceUid": "ParentServiceUid",
}
_TYPES = ("Async", "Standard", "OfflineTask", "Proxima")
_RESOURCE_TYPES = ("PublicResource", "DedicatedResource")


def asked_page(query: Mapping[str, str], default_size: int, number: str = "PageNumber") -> PageRequest:
    """Read which page is wanted.

    Raises:
        ErrorResponse: 400 InvalidParameter, one is no positive integer or the size is above the maximum.
    """
    page = PageRequest.asked(query, default_size, number)
    if page.size > MAX_PAGE_SIZE:
        raise invalid(f"The parameter PageSize is invalid: it must be from 1 to {MAX_PAGE_SIZE}.")
    return page


def matching(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """Return the services that a request asks for, in its order.

    Args:
        rows: services as they are shown, oldest first.
        query: the request's parameters.

    Raises:
        ErrorResponse: 400 InvalidParameter, naming the parameter.
    """
    one_of(query, "ServiceStatus", STATUSES)
    one_of(query, "TrafficState", (STANDALONE, GROUPING))
    kind, resource = one_of(query, "ServiceType", _TYPES), one_of(query, "ResourceType", _RESOURCE_TYPES)
    sort_by = _SORTABLE[one_of(query, "Sort", [*_SORTABLE], "timestamp")]
    labels = labels_of(query, "Label")
    found = [
        row
        for row in rows
        if query.get("Filter", "") in row["ServiceName"]
        and all(row.get(member) == query[name] for name, member in _EQUAL.items() if query.get(name))
        and labels.items() <= {item["LabelKey"]: item["LabelValue"] for item in row["Labels"]}.items()
        and kind in ("", "Standard")
        and resource in ("", "PublicResource")
    ]
    backwards = descending(query, default=True)
    # Times have whole seconds; equal ones stay in the order they came, or the opposite.
    return sorted(found[::-1] if backwards else found, key=lambda row: str(row[sort_by]), reverse=backwards)


def labels_of(query: Mapping[str, str], name: str) -> dict[str, str]:
    """Return labels that a parameter gives as a JSON object of texts; none when it is absent.

    Raises:
        ErrorResponse: 400 InvalidParameter, it is something else.
    """
    text = query.get(name)
    if not text:
        return {}
    try:
        value = read_json(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid(f'The parameter {name} is invalid: it must be a JSON object of texts such as {{"key":"value"}}.')
    return value
