"""Datasets of local PAI: names for places in OSS, with versions, that input channels can have instead of a URI.

The codes of refusals, that a name is taken only once, and which version is meant where none is named, are [inferred].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.gate.form import Form, Nothing, checked_body
from airflow_provider_pai.local.gate.page import Page
from airflow_provider_pai.local.gate.parameters import invalid, one_of, some_of
from airflow_provider_pai.local.gate.reply import Refusal, answer
from airflow_provider_pai.local.services.shelf import Row, Shelf, in_order, new_id, wire_time
from airflow_provider_pai.local.services.workspaces import OWNER
from airflow_provider_pai.model.uri import OssUri

DATASETS = "/api/v1/datasets"
FIRST_VERSION = "v1"
"""The version of an input channel that names none: a dataset's own Uri is that of its first version."""
_PAGE_SIZE = 10
_SOURCES = ("OSS", "NAS", "EXTREMENAS", "CPFS", "BMCPFS", "MAXCOMPUTE", "URL")
_TYPES = ("COMMON", "PIC", "TEXT", "VIDEO", "AUDIO")
_PROPERTIES = ("FILE", "DIRECTORY")
_ACCESSIBILITIES = ("PRIVATE", "PUBLIC")
_NAME = re.compile(r"[A-Za-z0-9一-鿿][A-Za-z0-9一-鿿_-]{0,126}")
_SORTABLE = ("GmtCreateTime", "GmtModifiedTime", "Name")
_VERSIONS_SORTABLE = ("GmtCreateTime", "GmtModifiedTime", "SourceType", "DataSourceType", "Property")
_LABELS: Form = [{"Key": str, "Value": str}]
_VERSION_FORM: dict[str, Form] = {
    **dict.fromkeys(("DatasetTaskRamRole", "DryRun", "ImportInfo", "UserMetricsEndpoints"), Nothing()),
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
_FORM: dict[str, Form] = {
    **_VERSION_FORM,
    **dict.fromkeys(("AccessibleRoleIdList", "MountAccessReadWriteRoleIdList", "Provider"), Nothing()),
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
_OF_VERSIONS = ("DataCount", "DataSize", "DataSourceType", "Options", "Property", "SourceId", "SourceType", "Uri")


class NoSuchDataset(LookupError):
    """There is no such dataset, or version of it; the text says which."""


def place(datasets: Shelf, dataset_id: str, version: str) -> str:
    """Return the OSS URI of a dataset.

    Args:
        datasets: all datasets.
        dataset_id: the dataset.
        version: one of its versions; empty for the first.

    Raises:
        NoSuchDataset: one of them is not there.
    """
    row = datasets.find(dataset_id)
    if row is None:
        raise NoSuchDataset(f"there is no dataset {dataset_id}")
    found = _version(row, version or FIRST_VERSION)
    if found is None:
        raise NoSuchDataset(f"dataset {dataset_id} has no version {version}")
    uri = OssUri.parse(found["Uri"])
    return str(uri.folder() if found["Property"] == "DIRECTORY" else uri)


def routes(datasets: Shelf, default_workspace_id: str, now: Callable[[], datetime]) -> list[Route]:
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
    shelf: Shelf
    default_workspace_id: str
    now: Callable[[], datetime]

    def create(self, request: Request) -> Response:
        body = checked_body(request, _FORM, ("Name", *_REQUIRED))
        _check_place(body)
        workspace = self._workspace(body)
        if workspace != self.default_workspace_id:
            raise invalid("WorkspaceId", f"there is no workspace {workspace}")
        row = _dataset(body, workspace, wire_time(self.now()))
        if not self.shelf.add(row):
            raise Refusal(409, "DatasetAlreadyExists", f"The workspace already has a dataset {row['Name']}.")
        return answer({"DatasetId": row["DatasetId"]})

    def list(self, request: Request) -> Response:
        query = request.query_params
        workspace = self._workspace(query)
        rows = _matching([row for row in self.shelf.rows() if row["WorkspaceId"] == workspace], query)
        page = Page.asked(query, _PAGE_SIZE).of(in_order(rows, query, _SORTABLE))
        return answer({"Datasets": [_shown(row) for row in page], "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        return answer(_shown(self._existing(request)))

    def delete(self, request: Request) -> Response:
        self.shelf.remove(self._existing(request)["DatasetId"])
        return answer({})

    def create_version(self, request: Request) -> Response:
        row, time = self._existing(request), wire_time(self.now())
        body = checked_body(request, _VERSION_FORM, _REQUIRED)
        _check_place(body)
        added: list[str] = []

        def change(current: Row) -> dict[str, Any]:
            version = _new_version(body, f"v{len(current['Versions']) + 1}", time)
            added.append(version["VersionName"])
            return {"Versions": [*current["Versions"], version], "GmtModifiedTime": time}

        self.shelf.change(row["DatasetId"], change)
        return answer({"VersionName": added[0]})

    def list_versions(self, request: Request) -> Response:
        query = request.query_params
        properties = some_of(query, "Properties", _PROPERTIES)
        rows = [
            version
            for version in self._existing(request)["Versions"]
            if not properties or version["Property"] in properties
        ]
        page = Page.asked(query, _PAGE_SIZE)
        shown = page.of(in_order(rows, query, _VERSIONS_SORTABLE))
        paging = {"PageNumber": page.number, "PageSize": page.size, "TotalCount": len(rows)}
        return answer({"DatasetVersions": list(shown), **paging})

    def get_version(self, request: Request) -> Response:
        row, name = self._existing(request), request.path_params["VersionName"]
        version = _version(row, name)
        if version is None:
            raise Refusal(404, "DatasetVersionNotFound", f"Dataset {row['DatasetId']} has no version {name}.")
        return answer({"DatasetId": row["DatasetId"], **version})

    def _workspace(self, values: Mapping[str, Any]) -> str:
        return str(values.get("WorkspaceId") or self.default_workspace_id)

    def _existing(self, request: Request) -> Row:
        dataset_id = request.path_params["DatasetId"]
        row = self.shelf.find(dataset_id)
        if row is None:
            raise Refusal(404, "DatasetNotFound", f"The dataset {dataset_id} does not exist.")
        return row


def _check_place(body: Mapping[str, Any]) -> None:
    """Refuse what is no place in OSS: local PAI has no other storage."""
    source, kind = one_of(body, "DataSourceType", _SOURCES), one_of(body, "Property", _PROPERTIES)
    if source != "OSS":
        raise invalid("DataSourceType", f"{source} is not supported, local PAI has only OSS")
    try:
        uri = OssUri.parse(body["Uri"])
    except ValueError as error:
        raise invalid("Uri", str(error)) from error
    if kind == "FILE" and uri.is_folder:
        raise invalid("Uri", f"{uri} is a folder, but Property is FILE")


def _dataset(body: Mapping[str, Any], workspace_id: str, time: str) -> Row:
    if not _NAME.fullmatch(body["Name"]):
        what = "1 to 127 letters, digits, '_' and '-', beginning with a letter or a digit"
        raise invalid("Name", what)
    first = {**body, "Description": body.get("VersionDescription", ""), "Labels": body.get("VersionLabels", [])}
    return {
        "DatasetId": new_id("d-"),
        "Name": body["Name"],
        "Description": body.get("Description", ""),
        "Accessibility": one_of(body, "Accessibility", _ACCESSIBILITIES, "PRIVATE"),
        "DataType": one_of(body, "DataType", _TYPES, "COMMON"),
        "Edition": one_of(body, "Edition", ("BASIC",), "BASIC"),
        "ProviderType": one_of(body, "ProviderType", ("Ecs",), "Ecs"),
        "Labels": body.get("Labels", []),
        "OwnerId": OWNER,
        "UserId": body.get("UserId", OWNER),
        "WorkspaceId": workspace_id,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
        "Versions": [_new_version(first, FIRST_VERSION, time)],
    }


def _new_version(body: Mapping[str, Any], name: str, time: str) -> Row:
    return {
        "VersionName": name,
        "SourceType": "USER",
        "MountAccess": "RW",
        **{member: body[member] for member in _OF_VERSIONS if member in body},
        "Description": body.get("Description", ""),
        "Labels": body.get("Labels", []),
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def _version(row: Row, name: str) -> Row | None:
    versions: list[Row] = row["Versions"]
    return next((version for version in versions if version["VersionName"] == name), None)


def _shown(row: Row) -> Row:
    """Return a dataset as GetDataset answers it: the place is that of its first version."""
    versions = row["Versions"]
    names = ("DataSourceType", "Property", "Uri", "Options", "SourceType", "SourceId", "MountAccess")
    first = {name: versions[0][name] for name in names if name in versions[0]}
    own = {name: value for name, value in row.items() if name != "Versions"}
    return {**own, **first, "IsShared": False, "LatestVersion": versions[-1]}


def _matching(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListDatasets does; of PAI's public datasets (Provider ``pai``) there are none here."""
    ids, types = some_of(query, "DatasetIds"), some_of(query, "DataTypes", _TYPES)
    sources, properties = some_of(query, "DataSourceTypes", _SOURCES), some_of(query, "Properties", _PROPERTIES)
    origins, accessibility = some_of(query, "SourceTypes"), one_of(query, "Accessibility", _ACCESSIBILITIES)
    name, label = query.get("Name", "").lower(), query.get("Label", "")
    return [
        row
        for row in rows
        if not query.get("Provider")
        and name in row["Name"].lower()
        and (not ids or row["DatasetId"] in ids)
        and (not types or row["DataType"] in types)
        and (not accessibility or row["Accessibility"] == accessibility)
        and (not sources or row["Versions"][0]["DataSourceType"] in sources)
        and (not properties or row["Versions"][0]["Property"] in properties)
        and (not origins or row["Versions"][0]["SourceType"] in origins)
        and (not label or any(label in text for item in row["Labels"] for text in item.values()))
    ]
