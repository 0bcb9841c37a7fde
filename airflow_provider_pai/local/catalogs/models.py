"""Registered models of local PAI: versions with metrics and approval, which services and tasks go by.

The codes of refusals are [inferred]. That a model is deleted with its versions is how alipai 0.4.13 deletes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.model_rows import (
    MODEL_SCHEMA,
    MODEL_UPDATE_SCHEMA,
    VERSION_SCHEMA,
    VERSION_UPDATE_SCHEMA,
    checked_model,
    checked_version,
    matching_models,
    matching_versions,
    model_row,
    shown_model,
    version_row,
    whole_name,
    with_labels,
)
from airflow_provider_pai.local.catalogs.record_store import NoSuchRow, Row, sort_rows
from airflow_provider_pai.local.catalogs.version_store import VersionedStore
from airflow_provider_pai.local.clock import wire_time_ms
from airflow_provider_pai.local.http.page import PageRequest
from airflow_provider_pai.local.http.parameters import invalid, some_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.http.schema import Schema, checked_body

MODELS = "/api/v1/models"
_PAGE_SIZE = 10
_SORTABLE = ("GmtCreateTime",)
_VERSIONS_SORTABLE = ("GmtCreateTime", "GmtModifiedTime", "VersionName")
_LABELS_SCHEMA: Schema = {"Labels": [{"Key": str, "Value": str}]}
_NOT_SERVED = ("Collections", "Conditions", "Tag")
_LISTED = (
    *("Domain", "Label", "ModelName", "ModelType", "Order", "Origin", "PageNumber", "PageSize", "Provider", "Query"),
    *("SortBy", "Task", "WorkspaceId", *_NOT_SERVED),
)
_VERSIONS_LISTED = (
    *("ApprovalStatus", "FormatType", "FrameworkType", "Label", "Order", "PageNumber", "PageSize", "SortBy"),
    *("SourceId", "SourceType", "VersionName"),
)


def routes(models: VersionedStore, default_workspace_id: str, now: Callable[[], datetime]) -> list[Route]:
    """Return the routes of models, their versions and the labels of both.

    Args:
        models: what there is.
        default_workspace_id: the workspace of a request that names none.
        now: the server's time, aware of its zone.
    """
    handlers = _Models(models, default_workspace_id, now)
    model = f"{MODELS}/{{ModelId}}"
    versions, version = f"{model}/versions", f"{model}/versions/{{VersionName}}"
    return [
        Route(MODELS, handlers.create, methods=["POST"]),
        Route(MODELS, handlers.list, methods=["GET"]),
        Route(model, handlers.get, methods=["GET"]),
        Route(model, handlers.update, methods=["PUT"]),
        Route(model, handlers.delete, methods=["DELETE"]),
        Route(f"{model}/labels", handlers.add_labels, methods=["POST"]),
        Route(f"{model}/labels", handlers.delete_labels, methods=["DELETE"]),
        Route(versions, handlers.create_version, methods=["POST"]),
        Route(versions, handlers.list_versions, methods=["GET"]),
        Route(version, handlers.get_version, methods=["GET"]),
        Route(version, handlers.update_version, methods=["PUT"]),
        Route(version, handlers.delete_version, methods=["DELETE"]),
        Route(f"{version}/labels", handlers.add_version_labels, methods=["POST"]),
        Route(f"{version}/labels", handlers.delete_version_labels, methods=["DELETE"]),
    ]


@dataclass(frozen=True)
class _Models:
    store: VersionedStore
    default_workspace_id: str
    now: Callable[[], datetime]

    def create(self, request: Request) -> Response:
        body = checked_body(request, MODEL_SCHEMA, ("ModelName",))
        workspace = str(body.get("WorkspaceId") or self.default_workspace_id)
        if workspace != self.default_workspace_id:
            raise invalid("WorkspaceId", f"there is no workspace {workspace}")
        row = model_row(body, workspace, self._time())
        if not self.store.add(row):
            raise _name_taken(row["Name"])
        return json_response({"ModelId": row["ModelId"]})

    def list(self, request: Request) -> Response:
        query = request.query_params
        _check_names(query, _LISTED)
        workspace = query.get("WorkspaceId") or self.default_workspace_id
        rows = matching_models(self._candidates(workspace, query), query)
        page = PageRequest.asked(query, _PAGE_SIZE).of(sort_rows(rows, query, _SORTABLE))
        return json_response({"Models": [self._shown(row) for row in page], "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        return json_response(self._shown(self._find(request)))

    def update(self, request: Request) -> Response:
        changed = checked_model(checked_body(request, MODEL_UPDATE_SCHEMA))
        if not self._change(request, lambda _: {**changed, "GmtModifiedTime": self._time()}):
            raise _name_taken(changed["Name"])
        return json_response({})

    def delete(self, request: Request) -> Response:
        self.store.remove(self._find(request)["ModelId"])
        return json_response({})

    def add_labels(self, request: Request) -> Response:
        body = checked_body(request, _LABELS_SCHEMA, ("Labels",))
        self._change(request, lambda row: {"Labels": with_labels(row["Labels"], body)})
        return json_response({})

    def delete_labels(self, request: Request) -> Response:
        keys = _label_keys(request)
        self._change(request, lambda row: {"Labels": _without(row["Labels"], keys)})
        return json_response({})

    def create_version(self, request: Request) -> Response:
        model_id, time = self._find(request)["ModelId"], self._time()
        body = checked_body(request, VERSION_SCHEMA, ("Uri",))
        try:
            added = self.store.add_version(model_id, lambda versions: version_row(body, versions, time))
        except NoSuchRow as error:
            raise _no_such_model(model_id) from error
        return json_response({"VersionName": added["VersionName"]})

    def list_versions(self, request: Request) -> Response:
        query = request.query_params
        _check_names(query, _VERSIONS_LISTED)
        versions = self.store.versions(self._find(request)["ModelId"], query.get("SourceId") or "")
        rows = matching_versions(versions, query)
        page = PageRequest.asked(query, _PAGE_SIZE).of(sort_rows(rows, query, _VERSIONS_SORTABLE))
        return json_response({"Versions": list(page), "TotalCount": len(rows)})

    def get_version(self, request: Request) -> Response:
        model, name = self._find(request), request.path_params["VersionName"]
        version = self.store.version(model["ModelId"], name)
        if version is None:
            raise _no_such_version(model["ModelId"], name)
        return json_response(version)

    def update_version(self, request: Request) -> Response:
        body = checked_body(request, VERSION_UPDATE_SCHEMA)
        return self._change_version(request, lambda version: checked_version(body, version["ApprovalStatus"]))

    def delete_version(self, request: Request) -> Response:
        model, name = self._find(request), request.path_params["VersionName"]
        if not self.store.remove_version(model["ModelId"], name):
            raise _no_such_version(model["ModelId"], name)
        return json_response({})

    def add_version_labels(self, request: Request) -> Response:
        body = checked_body(request, _LABELS_SCHEMA, ("Labels",))
        return self._change_version(request, lambda version: {"Labels": with_labels(version["Labels"], body)})

    def delete_version_labels(self, request: Request) -> Response:
        keys = _label_keys(request)
        return self._change_version(request, lambda version: {"Labels": _without(version["Labels"], keys)})

    def _change_version(self, request: Request, change: Callable[[Row], Mapping[str, Any]]) -> Response:
        name = request.path_params["VersionName"]
        change_version(self.store, self._find(request), name, self._time(), change)
        return json_response({})

    def _change(self, request: Request, change: Callable[[Row], Mapping[str, Any]]) -> bool:
        model_id = self._find(request)["ModelId"]
        try:
            return self.store.change(model_id, change)
        except NoSuchRow as error:
            raise _no_such_model(model_id) from error

    def _candidates(self, workspace: str, query: Mapping[str, str]) -> Sequence[Row]:
        """Return the models that a list can have: one that asks for a whole name looks at no others."""
        if (name := whole_name(query)) is not None:
            row = self.store.named(workspace, name)
            return [row] if row else []
        return [row for row in self.store.rows() if row["WorkspaceId"] == workspace]

    def _shown(self, row: Row) -> dict[str, Any]:
        return shown_model(row, self.store.latest(row["ModelId"]))

    def _find(self, request: Request) -> Row:
        model_id = request.path_params["ModelId"]
        row = self.store.find(model_id)
        if row is None:
            raise _no_such_model(model_id)
        return row

    def _time(self) -> str:
        return wire_time_ms(self.now())


def change_version(
    store: VersionedStore, model: Row, name: str, time: str, change: Callable[[Row], Mapping[str, Any]]
) -> Row:
    """Change one version, and return it; no other change of it comes in between.

    Args:
        store: the models.
        model: the model.
        name: the version.
        time: now, as the service writes it.
        change: gets the version, returns the members to set; none to leave it as it is.

    Raises:
        ErrorResponse: 404 ModelVersionNotFound, and what ``change`` raises.
    """

    def dated(version: Row) -> Mapping[str, Any]:
        members = change(version)
        return {**members, "GmtModifiedTime": time} if members else {}

    try:
        return store.change_version(model["ModelId"], name, dated)
    except NoSuchRow as error:
        raise _no_such_version(model["ModelId"], name) from error


def _no_such_model(model_id: str) -> ErrorResponse:
    return ErrorResponse(404, "ModelNotFound", f"The model {model_id} does not exist.")


def _no_such_version(model_id: str, name: str) -> ErrorResponse:
    return ErrorResponse(404, "ModelVersionNotFound", f"Model {model_id} has no version {name}.")


def _name_taken(name: str) -> ErrorResponse:
    return ErrorResponse(409, "ModelAlreadyExists", f"The workspace already has a model {name}.")


def _check_names(query: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse parameters by name rather than list more than was asked for."""
    for name, value in query.items():
        if name not in known or (name in _NOT_SERVED and value):
            raise invalid(name, "it is not supported")


def _label_keys(request: Request) -> set[str]:
    keys = some_of(request.query_params, "LabelKeys")
    if not keys:
        raise ErrorResponse(400, "MissingParameter", "LabelKeys is required.")
    return keys


def _without(labels: list[Row], keys: set[str]) -> list[Row]:
    return [each for each in labels if each["Key"] not in keys]
