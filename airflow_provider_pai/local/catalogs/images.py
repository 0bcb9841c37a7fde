"""The image catalog's routes of local PAI: list, get, labels, add, remove.

The codes of refusals other than ``InvalidParameter`` are [inferred]: no list of AIWorkSpace's codes is public.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.catalogs.catalog import (
    LocalImageCatalog,
    filter_by_labels,
    is_official,
    label_values,
)
from airflow_provider_pai.local.catalogs.record_store import Row, new_id
from airflow_provider_pai.local.clock import wire_time_ms
from airflow_provider_pai.local.http.page import PageRequest
from airflow_provider_pai.local.http.parameters import flag, invalid, one_of
from airflow_provider_pai.local.http.response import ErrorResponse, json_response
from airflow_provider_pai.local.http.schema import json_body
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.images.image import OFFICIAL_LABEL

_NAME = re.compile(r"[a-z][a-z0-9-]{0,49}")
_ID = re.compile(r"image-[0-9A-Za-z]{18}")
_GIB = 1024**3
_PAGE_SIZE = 20


def routes(catalog: LocalImageCatalog, default_workspace_id: str, now: Callable[[], datetime]) -> list[Route]:
    """Return the routes of the image catalog.

    Args:
        catalog: what is listed.
        default_workspace_id: the workspace of a request that names none [inferred].
        now: the server's time, aware of its zone.
    """
    images = _Images(catalog, default_workspace_id, now)
    return [
        Route("/api/v1/images", images.list, methods=["GET"]),
        Route("/api/v1/images", images.add, methods=["POST"]),
        Route("/api/v1/images/{ImageId}", images.get, methods=["GET"]),
        Route("/api/v1/images/{ImageId}", images.remove, methods=["DELETE"]),
        Route("/api/v1/image/labels", images.labels, methods=["GET"]),
    ]


@dataclass(frozen=True)
class _Images:
    catalog: LocalImageCatalog
    default_workspace_id: str
    now: Callable[[], datetime]

    def list(self, request: Request) -> Response:
        query = request.query_params
        rows = _sort(_filter(self.catalog.rows(self._workspace(query)), query), query)
        page = [_view(row, query) for row in PageRequest.asked(query, _PAGE_SIZE).of(rows)]
        return json_response({"Images": page, "TotalCount": len(rows)})

    def get(self, request: Request) -> Response:
        row = _view(self._find(request), request.query_params)
        return json_response({name: value for name, value in row.items() if name != "ImageId"})

    def labels(self, request: Request) -> Response:
        query = request.query_params
        one_of(query, "Region", (self.catalog.region_id,))
        rows = filter_by_labels(self.catalog.rows(self._workspace(query)), _label_filter(query, "LabelFilter"))
        labels = label_values(rows, query.get("ImageId"), query.get("LabelKeys"))
        return json_response({"Labels": labels, "TotalCount": len(labels)})

    def add(self, request: Request) -> Response:
        body = json_body(request)
        if not isinstance(body, dict):
            raise ErrorResponse(400, "InvalidParameter", "The body must be an object.")
        row = _added_row(body, self._workspace(body), self.now())
        if not self.catalog.add(row):
            raise ErrorResponse(409, "ImageAlreadyExists", f"The image {row['Name']} already exists in the workspace.")
        return json_response({"ImageId": row["ImageId"]})

    def remove(self, request: Request) -> Response:
        row = self._find(request)
        if not self.catalog.remove(row["ImageId"]):
            raise ErrorResponse(403, "NoPermission", f"The official image {row['ImageId']} cannot be removed.")
        return json_response({})

    def _workspace(self, values: Mapping[str, Any]) -> str:
        return str(values.get("WorkspaceId") or self.default_workspace_id)

    def _find(self, request: Request) -> Row:
        image_id = request.path_params["ImageId"]
        row = self.catalog.find(image_id)
        if row is None:
            raise ErrorResponse(404, "ImageNotFound", f"The image {image_id} does not exist.")
        return row


def _filter(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListImages does; ``Accessibility`` concerns added images only."""
    name, text, uri = query.get("Name", ""), query.get("Query", "").lower(), query.get("ImageUri")
    accessibility = one_of(query, "Accessibility", ("PUBLIC", "PRIVATE"), "")
    exact = _exact_name(query)
    return [
        row
        for row in filter_by_labels(rows, _label_filter(query, "Labels"))
        if (row["Name"] == name if exact and name else name.lower() in row["Name"].lower())
        and (text in row["Name"].lower() or text in str(row.get("Description", "")).lower())
        and (not uri or row["ImageUri"] == uri)
        and (not accessibility or is_official(row) or row["Accessibility"] == accessibility)
    ]


def _sort(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """Sort by creation time when asked to; ``Order`` without ``SortBy`` has no effect."""
    descending = one_of(query, "Order", ("ASC", "DESC"), "ASC") == "DESC"
    if not one_of(query, "SortBy", ("GmtCreateTime",), ""):
        return rows
    return sorted(rows, key=lambda row: str(row["GmtCreateTime"]), reverse=descending)


def _view(row: Row, query: Mapping[str, str]) -> Row:
    if flag(query, "Verbose"):
        return row
    return {name: value for name, value in row.items() if name != "Labels"}


def _label_filter(query: Mapping[str, str], parameter: str) -> dict[str, str]:
    """Read ``key=value,key=value``."""
    text = query.get(parameter)
    pairs = [piece.partition("=") for piece in text.split(",")] if text else []
    if not all(key and sign for key, sign, _ in pairs):
        raise invalid(parameter, "it must be key=value pairs joined by commas")
    return {key: value for key, _, value in pairs}


def _exact_name(query: Mapping[str, str]) -> bool:
    """Read ``Options``: the bare word of the SDK's example, or a JSON object with that member."""
    text = query.get("Options", "")
    if text in ("", "ExactMatchName"):
        return bool(text)
    try:
        options = read_json(text)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise invalid("Options", "it must be ExactMatchName or a JSON object")
    return options.get("ExactMatchName") in (True, "true")


def _added_row(body: Mapping[str, Any], workspace_id: str, now: datetime) -> Row:
    """Build the row of AddImage."""
    time = wire_time_ms(now)
    row = {
        "ImageId": _image_id(body),
        "Name": _name(body),
        "ImageUri": _uri(body),
        "Description": body.get("Description"),
        "Accessibility": one_of(body, "Accessibility", ("PUBLIC", "PRIVATE"), "PUBLIC"),
        "SourceType": one_of(body, "SourceType", ("Import", "Build"), "Import"),
        "SourceId": body.get("SourceId"),
        "Size": _size(body),
        "UserId": body.get("UserId"),
        "WorkspaceId": workspace_id,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
        "Labels": _own_labels(body.get("Labels")),
    }
    return {member: value for member, value in row.items() if value is not None}


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("Name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid("Name", "1 to 50 lower-case letters, digits and hyphens, beginning with a letter")
    return name


def _uri(body: Mapping[str, Any]) -> str:
    uri = body.get("ImageUri")
    if not isinstance(uri, str) or not re.fullmatch(r"\S+", uri):
        raise invalid("ImageUri", "it must be an image's URI")
    return uri


def _size(body: Mapping[str, Any]) -> int | None:
    """Return bytes: AddImage takes GB, rows have bytes, as documented."""
    size = body.get("Size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise invalid("Size", "it must be a number of GB")
    return None if size is None else size * _GIB


def _image_id(body: Mapping[str, Any]) -> str:
    image_id = body.get("ImageId") or new_id("image-")
    if not isinstance(image_id, str) or not _ID.fullmatch(image_id):
        raise invalid("ImageId", "it must be image- and 18 letters or digits")
    return image_id


def _own_labels(labels: object) -> list[dict[str, str]]:
    """Check the labels of an added image and mark it as not PAI's own, as PAI's SDK expects it."""
    own = {OFFICIAL_LABEL: "false"}
    for label in labels if isinstance(labels, list) else [labels] if labels else []:
        key, value = (label.get("Key"), label.get("Value")) if isinstance(label, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str):
            raise invalid("Labels", "it must be a list of objects with Key and Value")
        own[key] = value
    if own[OFFICIAL_LABEL] != "false":
        raise invalid("Labels", f"{OFFICIAL_LABEL} is kept for PAI's own images")
    return [{"Key": key, "Value": value} for key, value in own.items()]
