"""The workspace of local PAI and its configuration: where its default storage lies.

There is one workspace; an id that isn't its id does not exist. The codes of refusals are [inferred].
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.api.workspaces import DEFAULT_STORAGE_KEY
from airflow_provider_pai.local.clock import wire_time_ms
from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.parameters import flag, one_of, refuse, some_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.local.records import RecordTable

_PAGE_SIZE = 20
OWNER = "1000000000000001"
"""Id of the account that everything here belongs to."""
_OWNER = {"UserId": OWNER, "UserName": OWNER, "UserKp": OWNER, "DisplayName": OWNER}


@dataclass(frozen=True)
class Workspace:
    """The workspace of this server.

    Attributes:
        workspace_id: its id.
        created: when it came to be.
        default_storage: OSS URI that ``modelExportPath`` has unless another one was set.
    """

    workspace_id: str
    created: datetime
    default_storage: str

    def item(self) -> dict[str, Any]:
        """Return the workspace as ListWorkspaces shows it."""
        time = wire_time_ms(self.created)
        return {
            "WorkspaceId": self.workspace_id,
            "WorkspaceName": "local_pai",
            "DisplayName": "local PAI",
            "Description": "The workspace of a local PAI.",
            "Status": "ENABLED",
            "IsDefault": True,
            "EnvTypes": ["prod"],
            "AdminNames": [OWNER],
            "Creator": OWNER,
            "ExtraInfos": {},
            "GmtCreateTime": time,
            "GmtModifiedTime": time,
        }


class Configs:
    """What was configured; safe to use from several threads."""

    def __init__(self, table: RecordTable) -> None:
        """Start with what was configured before.

        Args:
            table: keeps the configuration items by key.
        """
        self._items = table.rows()
        self._table = table
        self._lock = threading.Lock()

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the configuration items by key."""
        with self._lock:
            return dict(self._items)

    def update(self, items: Mapping[str, dict[str, Any]]) -> None:
        """Add items, and replace those with the same keys."""
        with self._lock:
            self._table.records.write([self._table.change(key, item) for key, item in items.items()])
            self._items |= items

    def clear(self) -> None:
        """Forget everything that was configured."""
        with self._lock:
            self._table.clear()
            self._items = {}


def default_storage(workspace: Workspace, configs: Configs) -> str:
    """Return the OSS URI of the workspace's default storage, as it is configured now."""
    return str(configs.items().get(DEFAULT_STORAGE_KEY, {}).get("ConfigValue") or workspace.default_storage)


def routes(workspace: Workspace, configs: Configs, now: Callable[[], datetime]) -> list[Route]:
    """Return the routes of workspaces.

    Args:
        workspace: the one there is.
        configs: its configuration.
        now: the server's time, aware of its zone.
    """
    handlers = _Workspaces(workspace, configs, now)
    return [
        Route("/api/v1/workspaces", handlers.list, methods=["GET"]),
        Route("/api/v1/workspaces/{WorkspaceId}", handlers.get, methods=["GET"]),
        Route("/api/v1/defaultWorkspaces", handlers.default, methods=["GET"]),
        Route("/api/v1/workspaces/{WorkspaceId}/configs", handlers.configs, methods=["GET"]),
        Route("/api/v1/workspaces/{WorkspaceId}/configs", handlers.configure, methods=["PUT"]),
    ]


@dataclass(frozen=True)
class _Workspaces:
    workspace: Workspace
    stored: Configs
    now: Callable[[], datetime]

    def list(self, request: Request) -> Response:
        query = request.query_params
        # One workspace has one order, but a wrong value is refused.
        descending(query)
        one_of(query, "SortBy", ("GmtCreateTime", "GmtModifiedTime"))
        one_of(query, "Option", ("GetWorkspaces",))
        flag(query, "Verbose")
        refuse(query, ("Fields", "ModuleList"))
        rows = [item for item in [self.workspace.item()] if _matches(item, query)]
        return json_response({"Workspaces": PageRequest.asked(query, _PAGE_SIZE).of(rows), "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        self._check(request)
        return json_response(
            {**self.workspace.item(), "Owner": _OWNER if flag(request.query_params, "Verbose") else None}
        )

    def default(self, request: Request) -> Response:
        item = {**self.workspace.item(), "Owner": _owner(request)}
        return json_response(
            {name: item[name] for name in item if name not in ("IsDefault", "AdminNames", "ExtraInfos")}
        )

    def configs(self, request: Request) -> Response:
        self._check(request)
        query = request.query_params
        keys, category = query.get("ConfigKeys"), query.get("CategoryName")
        flag(query, "Verbose")
        refuse(query, ("Options",))
        labels = some_of(query, "Labels")
        rows = [
            {name: value for name, value in item.items() if name != "CategoryName"}
            for key, item in (self._default_items() | self.stored.items()).items()
            if (not keys or key in keys.split(","))
            and category in (None, "", item["CategoryName"])
            and labels <= {f"{label.get('Key')}={label.get('Value')}" for label in item["Labels"]}
        ]
        return json_response({"Configs": rows, "TotalCount": len(rows)})

    async def configure(self, request: Request) -> Response:
        self._check(request)
        items = _read_configs(await request.body(), wire_time_ms(self.now()))
        await run_in_threadpool(self.stored.update, items)
        return json_response({})

    def _default_items(self) -> dict[str, dict[str, Any]]:
        item = {"ConfigKey": DEFAULT_STORAGE_KEY, "ConfigValue": self.workspace.default_storage}
        return {DEFAULT_STORAGE_KEY: _config(item, wire_time_ms(self.workspace.created))}

    def _check(self, request: Request) -> None:
        workspace_id = request.path_params["WorkspaceId"]
        if workspace_id != self.workspace.workspace_id:
            raise ErrorResponse(404, "WorkspaceNotFound", f"The workspace {workspace_id} does not exist.")


def _owner(request: Request) -> dict[str, str] | None:
    """Return who owns the workspace, when the request asks for details."""
    return _OWNER if flag(request.query_params, "Verbose") else None


def _matches(item: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    ids, name, status = query.get("WorkspaceIds"), query.get("WorkspaceName", ""), query.get("Status")
    return (
        (not ids or item["WorkspaceId"] in ids.split(","))
        and name.lower() in item["WorkspaceName"]
        and (not status or item["Status"] in status.split(","))
        and query.get("UserId") in (None, "", OWNER)
        # It belongs to no resource group.
        and not query.get("ResourceGroupId")
    )


def _read_configs(content: bytes, time: str) -> dict[str, dict[str, Any]]:
    """Read the body of UpdateConfigs."""
    try:
        return {item["ConfigKey"]: _config(item, time) for item in read_json(content)["Configs"]}
    except (ValueError, KeyError, TypeError) as error:
        message = "The body must be an object with Configs, a list of objects with ConfigKey and ConfigValue."
        raise ErrorResponse(400, "InvalidParameter", message) from error


def _config(item: Mapping[str, Any], time: str) -> dict[str, Any]:
    """Return a configuration item as it is kept; the id is made of the key, so that it stays."""
    key, value, labels = item["ConfigKey"], item["ConfigValue"], item.get("Labels") or []
    if not isinstance(key, str) or not isinstance(value, str) or not isinstance(labels, list):
        raise TypeError("a configuration item of the wrong types")
    return {
        "ConfigId": f"config-{key}",
        "CategoryName": item.get("CategoryName") or "CommonResourceConfig",
        "ConfigKey": key,
        "ConfigValue": value,
        "Labels": labels,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }
