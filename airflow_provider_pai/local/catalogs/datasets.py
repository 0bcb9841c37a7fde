"""Datasets of local PAI: names for places in OSS, with versions, that input channels can have instead of a URI.

The codes of refusals, and that a name is taken only once, are [inferred].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.dataset_rows import (
    check_place,
    dataset_row,
    dataset_view,
    filter_datasets,
    filter_versions,
    first_version,
    version_row,
)
from airflow_provider_pai.local.catalogs.record_store import NoSuchRow, Row, sort_rows
from airflow_provider_pai.local.catalogs.version_store import VersionedStore, Versions
from airflow_provider_pai.local.clock import wire_time_ms
from airflow_provider_pai.local.http.page import PageRequest
from airflow_provider_pai.local.http.parameters import invalid
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.http.schema import Schema, Unsupported, checked_body

DATASETS = "/api/v1/datasets"
_PAGE_SIZE = 10
_SORTABLE = ("GmtCreateTime", "GmtModifiedTime", "Name")
_VERSIONS_SORTABLE = ("GmtCreateTime", "GmtModifiedTime", "SourceType", "DataSourceType", "Property")
_LABELS: Schema = [{"Key": str, "Value": str}]
_VERSION_FORM: dict[str, Schema] = {
    **dict.fromkeys(("DatasetTaskRamRole", "DryRun", "ImportInfo", "UserMetricsEndpoints"), Unsupported()),
    "DataCount": int,
    "DataSize": int,
    "DataSourceType": str,
    "Description": str,
    "Labels": _LABELS,
    "Options": str,
    "Property": str,
    "SourceId": str,
    "SourceType": str,
    "Uri": str,
}
_FORM: dict[str, Schema] = {
    **_VERSION_FORM,
    **dict.fromkeys(("AccessibleRoleIdList", "MountAccessReadWriteRoleIdList", "Provider"), Unsupported()),
    "Accessibility": str,
    "DataType": str,
    "Edition": str,
    "Name": str,
    "ProviderType": str,
    "SourceDatasetId": str,
    "SourceDatasetVersion": str,
    "UserId": str,
    "VersionDescription": str,
    "VersionLabels": _LABELS,
    "WorkspaceId": str,
}
_REQUIRED = ("DataSourceType", "Property", "Uri")


def routes(datasets: VersionedStore, default_workspace_id: str, now: Callable[[], datetime]) -> list[Route]:
    """Return the routes of datasets and their versions.

    Args:
        datasets: what there is.
        default_workspace_id: the workspace of a request that names none.
        now: the server's time, aware of its zone.
    """
    handlers = _Datasets(datasets, default_workspace_id, now)
    dataset, versions = f"{DATASETS}/{{DatasetId}}", f"{DATASETS}/{{DatasetId}}/versions"
    return [
        Route(DATASETS, handlers.create, methods=["POST"]),
        Route(DATASETS, handlers.list, methods=["GET"]),
        Route(dataset, handlers.get, methods=["GET"]),
        Route(dataset, handlers.delete, methods=["DELETE"]),
        Route(versions, handlers.create_version, methods=["POST"]),
        Route(versions, handlers.list_versions, methods=["GET"]),
        Route(f"{versions}/{{VersionName}}", handlers.get_version, methods=["GET"]),
    ]


@dataclass(frozen=True)
class _Datasets:
    store: VersionedStore
    default_workspace_id: str
    now: Callable[[], datetime]

    def create(self, request: Request) -> Response:
        body = checked_body(request, _FORM, ("Name", *_REQUIRED))
        check_place(body)
        workspace = self._workspace(body)
        if workspace != self.default_workspace_id:
            raise invalid("WorkspaceId", f"there is no workspace {workspace}")
        row, first = dataset_row(body, workspace, time := wire_time_ms(self.now())), first_version(body, time)
        if not self.store.add_with_version(row, first):
            raise ErrorResponse(409, "DatasetAlreadyExists", f"The workspace already has a dataset {row['Name']}.")
        return json_response({"DatasetId": row["DatasetId"]})

    def list(self, request: Request) -> Response:
        query = request.query_params
        workspace = self._workspace(query)
        here = [row for row in self.store.rows() if row["WorkspaceId"] == workspace]
        rows = filter_datasets(here, self._first, query)
        page = PageRequest.asked(query, _PAGE_SIZE).of(sort_rows(rows, query, _SORTABLE))
        return json_response({"Datasets": [self._view(row) for row in page], "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        return json_response(self._view(self._find(request)))

    def delete(self, request: Request) -> Response:
        self.store.remove(self._find(request)["DatasetId"])
        return json_response({})

    def create_version(self, request: Request) -> Response:
        row, time = self._find(request), wire_time_ms(self.now())
        body = checked_body(request, _VERSION_FORM, _REQUIRED)
        check_place(body)

        def make(versions: Versions) -> Row:
            return version_row(body, f"v{len(versions) + 1}", time)

        try:
            added = self.store.add_version(row["DatasetId"], make, {"GmtModifiedTime": time})
        except NoSuchRow as error:
            raise _no_such_dataset(row["DatasetId"]) from error
        return json_response({"VersionName": added["VersionName"]})

    def list_versions(self, request: Request) -> Response:
        query = request.query_params
        rows = filter_versions(self.store.versions(self._find(request)["DatasetId"]), query)
        page = PageRequest.asked(query, _PAGE_SIZE)
        shown = page.of(sort_rows(rows, query, _VERSIONS_SORTABLE))
        paging = {"PageNumber": page.number, "PageSize": page.size, "TotalCount": len(rows)}
        return json_response({"DatasetVersions": list(shown), **paging})

    def get_version(self, request: Request) -> Response:
        row, name = self._find(request), request.path_params["VersionName"]
        version = self.store.version(row["DatasetId"], name)
        if version is None:
            raise ErrorResponse(404, "DatasetVersionNotFound", f"Dataset {row['DatasetId']} has no version {name}.")
        return json_response({"DatasetId": row["DatasetId"], **version})

    def _workspace(self, values: Mapping[str, Any]) -> str:
        return str(values.get("WorkspaceId") or self.default_workspace_id)

    def _find(self, request: Request) -> Row:
        dataset_id = request.path_params["DatasetId"]
        row = self.store.find(dataset_id)
        if row is None:
            raise _no_such_dataset(dataset_id)
        return row

    def _first(self, row: Row) -> Row:
        return self.store.first(row["DatasetId"]) or {}

    def _view(self, row: Row) -> Row:
        return dataset_view(row, self._first(row), self.store.latest(row["DatasetId"]) or {})


def _no_such_dataset(dataset_id: str) -> ErrorResponse:
    return ErrorResponse(404, "DatasetNotFound", f"The dataset {dataset_id} does not exist.")
