"""Experiments of local PAI: training jobs grouped, with one place for their TensorBoard logs.

The codes of refusals, and the place of an experiment that is given none, are [inferred]; where the logs of one lie is
what the vendor's SDK expects in its own tests.
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

from airflow_provider_pai.local.catalogs.record_store import NoSuchRow, RecordStore, Row, new_id, sort_rows
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.clock import wire_time_ms
from airflow_provider_pai.local.http.page import PageRequest
from airflow_provider_pai.local.http.parameters import flag, invalid, one_of, refuse, some_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.http.schema import Schema, checked_body
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.uri import OssUri

EXPERIMENTS = "/api/v1/experiments"
_PAGE_SIZE = 10
_ACCESSIBILITIES = ("PRIVATE", "PUBLIC")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_FORM: dict[str, Schema] = {
    "Accessibility": str,
    "ArtifactUri": str,
    "Labels": [{"Key": str, "Value": str}],
    "Name": str,
    "WorkspaceId": str,
}
_UPDATE_FORM: dict[str, Schema] = {"Accessibility": str, "Name": str}


def routes(
    experiments: RecordStore, default_workspace_id: str, storage: Callable[[], str], now: Callable[[], datetime]
) -> list[Route]:
    """Return the routes of experiments.

    Args:
        experiments: what there is.
        default_workspace_id: the workspace of a request that names none.
        storage: tells the OSS URI of the workspace's default storage.
        now: the server's time, aware of its zone.
    """
    handlers = _Experiments(experiments, default_workspace_id, storage, now)
    experiment = f"{EXPERIMENTS}/{{ExperimentId}}"
    return [
        Route(EXPERIMENTS, handlers.create, methods=["POST"]),
        Route(EXPERIMENTS, handlers.list, methods=["GET"]),
        Route(experiment, handlers.get, methods=["GET"]),
        Route(experiment, handlers.update, methods=["PUT"]),
        Route(experiment, handlers.delete, methods=["DELETE"]),
    ]


@dataclass(frozen=True)
class _Experiments:
    store: RecordStore
    default_workspace_id: str
    storage: Callable[[], str]
    now: Callable[[], datetime]

    def create(self, request: Request) -> Response:
        body = checked_body(request, _FORM, ("Name", "WorkspaceId"))
        if body["WorkspaceId"] != self.default_workspace_id:
            raise invalid("WorkspaceId", f"there is no workspace {body['WorkspaceId']}")
        row = _experiment(body, self.storage(), wire_time_ms(self.now()))
        if not self.store.add(row):
            raise _name_taken(row["Name"])
        return json_response({"ExperimentId": row["ExperimentId"]})

    def list(self, request: Request) -> Response:
        query = request.query_params
        workspace = query.get("WorkspaceId") or self.default_workspace_id
        rows = _filter([row for row in self.store.rows() if row["WorkspaceId"] == workspace], query)
        refuse(query, ("OrderBy",))
        flag(query, "Verbose")
        ordered = sort_rows(rows, query, ("GmtCreateTime",), newest_first=True)
        page, token = _page(ordered, query)
        return json_response({"Experiments": list(page), "TotalCount": len(rows), "NextPageToken": token})

    def get(self, request: Request) -> Response:
        # There is no more to show of an experiment.
        flag(request.query_params, "Verbose")
        return json_response(self._find(request))

    def update(self, request: Request) -> Response:
        experiment_id = self._find(request)["ExperimentId"]
        body = checked_body(request, _UPDATE_FORM)
        changed = {name: value for name, value in body.items() if value}
        if "Name" in changed:
            _check_name(changed["Name"])
        one_of(changed, "Accessibility", _ACCESSIBILITIES)
        time = wire_time_ms(self.now())
        try:
            is_free = self.store.change(experiment_id, lambda _: {**changed, "GmtModifiedTime": time})
        except NoSuchRow as error:
            raise _no_such_experiment(experiment_id) from error
        if not is_free:
            raise _name_taken(changed["Name"])
        return json_response({})

    def delete(self, request: Request) -> Response:
        self.store.remove(self._find(request)["ExperimentId"])
        return json_response({})

    def _find(self, request: Request) -> Row:
        experiment_id = request.path_params["ExperimentId"]
        row = self.store.find(experiment_id)
        if row is None:
            raise _no_such_experiment(experiment_id)
        return row


def _no_such_experiment(experiment_id: str) -> ErrorResponse:
    return ErrorResponse(404, "ExperimentNotFound", f"The experiment {experiment_id} does not exist.")


def _name_taken(name: str) -> ErrorResponse:
    return ErrorResponse(409, "ExperimentAlreadyExists", f"The workspace already has an experiment {name}.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid("Name", "1 to 63 letters, digits, '_' and '-', beginning with a letter")


def _experiment(body: Mapping[str, Any], storage: str, time: str) -> Row:
    _check_name(body["Name"])
    experiment_id = new_id("exp-")
    try:
        artifacts = OssUri.parse(body.get("ArtifactUri") or str(OssUri.parse(storage).child("experiments", "")))
    except ValueError as error:
        raise invalid("ArtifactUri", str(error)) from error
    return {
        "ExperimentId": experiment_id,
        "Name": body["Name"],
        "WorkspaceId": body["WorkspaceId"],
        "Accessibility": one_of(body, "Accessibility", _ACCESSIBILITIES, "PRIVATE"),
        "ArtifactUri": str(artifacts),
        "TensorboardLogUri": str(artifacts.child("tensorboard", "")),
        "Labels": [{"ExperimentId": experiment_id, "GmtCreateTime": time, **each} for each in body.get("Labels", [])],
        "OwnerId": OWNER,
        "UserId": OWNER,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def _filter(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListExperiment does."""
    name, labels = query.get("Name", ""), some_of(query, "Labels")
    if _exactly(query):
        named = [row for row in rows if not name or row["Name"] == name]
    else:
        named = [row for row in rows if name.lower() in row["Name"].lower()]
    return [row for row in named if labels <= {f"{each['Key']}={each.get('Value', '')}" for each in row["Labels"]}]


def _page(rows: Sequence[Row], query: Mapping[str, str]) -> tuple[Sequence[Row], int | None]:
    """Return a page, asked for by its number or by the token of the one before, and the token of the next.

    The first token is 0, as documented; that others are numbers of rows is [inferred].
    """
    token = query.get("PageToken")
    if not token and not query.get("MaxResults"):
        return PageRequest.asked(query, _PAGE_SIZE).of(rows), None
    if not re.fullmatch(r"[0-9]{0,9}", token or ""):
        raise invalid("PageToken", "it is no token of this list")
    start = int(token or 0)
    count = PageRequest.asked({"PageSize": query.get("MaxResults", "")}, _PAGE_SIZE).size
    return rows[start : start + count], start + count if start + count < len(rows) else None


def _exactly(query: Mapping[str, str]) -> bool:
    """Read ``Options``: a JSON object; its only member is spelled in another way than all others of the service."""
    try:
        options = read_json(query.get("Options") or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise invalid("Options", "it must be a JSON object")
    return options.get("match_name_exactly") in (True, "true")
