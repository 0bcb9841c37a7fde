"""Rows of registered models and their versions: what each is, and which ones a list is asked for.

What names a model may have, the status of a version that is given none, and how a list filters by name are [inferred].
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.catalogs.record_store import Row, new_id
from airflow_provider_pai.local.catalogs.version_store import Versions
from airflow_provider_pai.local.catalogs.workspaces import OWNER
from airflow_provider_pai.local.http.parameters import invalid, one_of
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.http.schema import MapOf, Schema
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.registry.version import (
    APPROVAL_STATUSES,
    FINAL_STATUSES,
    FORMAT_TYPES,
    FRAMEWORK_TYPES,
    PENDING,
    SOURCE_TYPE,
    VERSION_NAME,
    next_version_name,
    parse_source_id,
)
from airflow_provider_pai.model.uri import OssUri

METRICS_BYTES = 8192
_SOURCE_TYPES = ("Custom", "PAIFlow", SOURCE_TYPE)
_SOURCE_PARTS = {"region", "workspaceId", "kind", "id"}
_SOURCE_KINDS = ("PipelineRun", "ServiceJob", "TrainingJob")
_ACCESSIBILITIES = ("PRIVATE", "PUBLIC")
_NAME_LENGTH = 127
_LABEL_BYTES = 128
_LABELS: Schema = [{"Key": str, "Value": str}]
_ANY_MAP: Schema = MapOf(object)
_SPECS = (
    "CompressionSpec",
    "DistillationSpec",
    "EvaluationSpec",
    "ExtraInfo",
    "InferenceSpec",
    "Metrics",
    "TrainingSpec",
)
_MODEL_TEXTS = ("Accessibility", "Domain", "ModelDescription", "ModelDoc", "ModelName", "ModelType", "Origin", "Task")
MODEL_UPDATE_SCHEMA: dict[str, Schema] = {
    **dict.fromkeys(_MODEL_TEXTS, str),
    "ExtraInfo": _ANY_MAP,
    "OrderNumber": int,
    "ParameterSize": int,
}
MODEL_SCHEMA: dict[str, Schema] = {**MODEL_UPDATE_SCHEMA, "Labels": _LABELS, "Tag": _LABELS, "WorkspaceId": str}
VERSION_UPDATE_SCHEMA: dict[str, Schema] = {
    **dict.fromkeys(_SPECS, _ANY_MAP),
    **dict.fromkeys(("ApprovalStatus", "Options", "SourceId", "SourceType", "VersionDescription"), str),
}
VERSION_SCHEMA: dict[str, Schema] = {
    **VERSION_UPDATE_SCHEMA,
    **dict.fromkeys(("FormatType", "FrameworkType", "Uri", "VersionName"), str),
    "Labels": _LABELS,
}


def model_row(body: Mapping[str, Any], workspace_id: str, time: str) -> Row:
    """Return the row of CreateModel.

    Args:
        body: a body of the operation's schema.
        workspace_id: its workspace.
        time: now, as the service writes it.

    Raises:
        ErrorResponse: 400 InvalidParameter.
    """
    kept = {name: value for name, value in body.items() if name in MODEL_UPDATE_SCHEMA}
    return {
        **checked_model(kept),
        "Accessibility": body.get("Accessibility") or "PRIVATE",
        "ModelId": new_id("model-"),
        # The store keeps names unique in a workspace.
        "Name": body["ModelName"],
        "Labels": _labels(body, "Labels"),
        "Tags": _labels(body, "Tag"),
        "OwnerId": OWNER,
        "UserId": OWNER,
        "WorkspaceId": workspace_id,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def checked_model(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return members of a model after a check of their values.

    Raises:
        ErrorResponse: 400 InvalidParameter.
    """
    name = body.get("ModelName", "x")
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise invalid("ModelName", f"it must have 1 to {_NAME_LENGTH} characters")
    one_of(body, "Accessibility", _ACCESSIBILITIES)
    return {**body, **({"Name": name} if "ModelName" in body else {})}


def version_row(body: Mapping[str, Any], versions: Versions, time: str) -> Row:
    """Return the row of CreateModelVersion.

    Args:
        body: a body of the operation's schema.
        versions: the model's versions so far.
        time: now, as the service writes it.

    Raises:
        ErrorResponse: 400 InvalidParameter, 409 ModelVersionAlreadyExists.
    """
    name = body.get("VersionName") or next_version_name([versions.greatest] if versions.greatest else [])
    if not VERSION_NAME.fullmatch(name):
        raise invalid("VersionName", "it must be like 0.1.0 or 2.3.4_beta")
    if name in versions:
        raise ErrorResponse(409, "ModelVersionAlreadyExists", f"The model already has a version {name}.")
    one_of(body, "FormatType", FORMAT_TYPES)
    one_of(body, "FrameworkType", FRAMEWORK_TYPES)
    _check_uri(body["Uri"])
    return {
        **checked_version(body),
        "ApprovalStatus": body.get("ApprovalStatus") or PENDING,
        "SourceType": body.get("SourceType") or "Custom",
        "VersionName": name,
        "Labels": _labels(body, "Labels"),
        "OwnerId": OWNER,
        "UserId": OWNER,
        "GmtCreateTime": time,
        "GmtModifiedTime": time,
    }


def checked_version(body: Mapping[str, Any], status: str = PENDING) -> dict[str, Any]:
    """Return members of a version after a check of their values.

    Args:
        body: a body of the operation's schema.
        status: the version's approval status so far; Approved and Rejected are final.

    Raises:
        ErrorResponse: 400 InvalidParameter.
    """
    wanted = one_of(body, "ApprovalStatus", APPROVAL_STATUSES)
    if wanted and wanted != status and status in FINAL_STATUSES:
        raise invalid("ApprovalStatus", f"the version is {status}, which is final")
    size = len(json.dumps(body.get("Metrics", {}), ensure_ascii=False).encode())
    if size > METRICS_BYTES:
        raise invalid("Metrics", f"it has {size} bytes, {METRICS_BYTES} at most")
    source = one_of(body, "SourceType", _SOURCE_TYPES)
    if source in ("PAIFlow", SOURCE_TYPE):
        _check_source(body.get("SourceId", ""))
    try:
        read_json(body.get("Options") or "{}")
    except ValueError as error:
        raise invalid("Options", "it must be a JSON text") from error
    return dict(body)


def with_labels(labels: Sequence[Row], body: Mapping[str, Any]) -> list[Row]:
    """Return labels after CreateModelLabels or CreateModelVersionLabels: one value for each key."""
    added = {each["Key"]: each for each in _labels(body, "Labels")}
    return [*(each for each in labels if each["Key"] not in added), *added.values()]


def shown_model(row: Row, latest: Row | None) -> dict[str, Any]:
    """Return a model as GetModel and ListModels answer it.

    Args:
        row: the model.
        latest: its latest version; None when it has none.
    """
    members = {name: value for name, value in row.items() if name != "Name"}
    if latest is None:
        return members
    return {**members, "LatestVersion": latest, "GmtLatestVersionModifiedTime": latest["GmtModifiedTime"]}


def whole_name(query: Mapping[str, str]) -> str | None:
    """Return the name that ListModels asks for in double quotes; None when it asks for a part of one, or for none."""
    name = query.get("ModelName", "")
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else None


def matching_models(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListModels does; public models of a provider are not here."""
    if query.get("Provider"):
        return []
    name, whole = query.get("ModelName", ""), whole_name(query)
    equal = [(member, query[member]) for member in ("Domain", "Task", "Origin", "ModelType") if query.get(member)]
    label, anywhere = query.get("Label", ""), query.get("Query", "").lower()
    return [
        row
        for row in rows
        if (row["Name"] == whole if whole is not None else name.lower() in row["Name"].lower())
        and all(row.get(member) == value for member, value in equal)
        and (not label or label in _label_text(row))
        and (not anywhere or anywhere in _anywhere(row).lower())
    ]


def matching_versions(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """Filter as ListModelVersions does."""
    one_of(query, "ApprovalStatus", APPROVAL_STATUSES)
    one_of(query, "FormatType", FORMAT_TYPES)
    one_of(query, "FrameworkType", FRAMEWORK_TYPES)
    members = ("ApprovalStatus", "FormatType", "FrameworkType", "SourceId", "SourceType", "VersionName")
    equal = [(member, query[member]) for member in members if query.get(member)]
    label = query.get("Label", "")
    return [
        row
        for row in rows
        if all(row.get(member) == value for member, value in equal) and (not label or label in _label_text(row))
    ]


def _labels(body: Mapping[str, Any], member: str) -> list[Row]:
    """Check labels: at most 128 bytes, and neither ``=`` nor ``,``."""
    for each in body.get(member, []):
        for part in ("Key", "Value"):
            text = each.get(part, "")
            if len(text.encode()) > _LABEL_BYTES or re.search("[=,]", text) or (part == "Key" and not text):
                raise invalid(f"{member}.{part}", f"at most {_LABEL_BYTES} bytes, without '=' and ','")
    return [{"Key": each["Key"], "Value": each.get("Value", "")} for each in body.get(member, [])]


def _check_uri(uri: str) -> None:
    if re.fullmatch(r"https?://[^/\s]+/\S*", uri):
        return
    try:
        OssUri.parse(uri)
    except ValueError as error:
        raise invalid("Uri", str(error)) from error


def _check_source(source_id: str) -> None:
    parts = parse_source_id(source_id)
    if set(parts) != _SOURCE_PARTS or parts["kind"] not in _SOURCE_KINDS:
        raise invalid("SourceId", "it must be region=<region>,workspaceId=<id>,kind=<kind>,id=<id>")


def _label_text(row: Row) -> str:
    return "\n".join(f"{each['Key']}\n{each['Value']}" for each in (*row["Labels"], *row.get("Tags", ())))


def _anywhere(row: Row) -> str:
    return "\n".join((row["Name"], row.get("Domain", ""), row.get("Task", ""), _label_text(row)))
