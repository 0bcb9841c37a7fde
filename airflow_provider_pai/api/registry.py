"""Operations on registered models and their versions (AIWorkSpace 2021-02-04); each function returns a Call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow_provider_pai.api.answer import Page, acknowledged, as_object, read_page, required_text
from airflow_provider_pai.api.call import Call, segment, text_of
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel

MODELS = "/api/v1/models"
PAGE_SIZE = 100
"""Items on a page; the documents' default is 10, a maximum is not public [inferred: 100]."""


def create_model(body: Mapping[str, Any]) -> Call[str]:
    """CreateModel; answers the model's id. Not idempotent: PAI has no client token."""
    return Call(AI_WORKSPACE, "CreateModel", "POST", MODELS, _model_id, body=body, idempotent=False)


def list_models(workspace_id: str, *, name: str | None = None, page: int = 1) -> Call[Page[RegisteredModel]]:
    """ListModels, the oldest first.

    Args:
        workspace_id: the workspace.
        name: only models of this name. It goes in double quotes, alipai's way to ask for the whole name; the
            caller still compares names [inferred: what the service makes of the quotes is not public].
        page: number of the page, from 1.
    """
    named = "" if name is None else text_of("model_name", name)
    query = {
        "WorkspaceId": workspace_id,
        "SortBy": "GmtCreateTime",
        "Order": "ASC",
        "PageNumber": str(page),
        "PageSize": str(PAGE_SIZE),
        **({"ModelName": f'"{named}"'} if named else {}),
    }
    read = partial(read_page, member="Models", item=_model, before=(page - 1) * PAGE_SIZE)
    return Call(AI_WORKSPACE, "ListModels", "GET", MODELS, read, query)


def get_model(model_id: str) -> Call[RegisteredModel]:
    """GetModel."""
    return Call(AI_WORKSPACE, "GetModel", "GET", _model_path(model_id), _model)


def delete_model(model_id: str) -> Call[None]:
    """DeleteModel; the service refuses it while the model has versions [inferred]."""
    return Call(AI_WORKSPACE, "DeleteModel", "DELETE", _model_path(model_id), acknowledged)


def create_model_version(model_id: str, body: Mapping[str, Any]) -> Call[str]:
    """CreateModelVersion; answers the version's name. Harmless to repeat where the body names the version."""
    path = f"{_model_path(model_id)}/versions"
    return Call(AI_WORKSPACE, "CreateModelVersion", "POST", path, _version_name, body=body, idempotent=False)


def list_model_versions(
    model_id: str, *, approval_status: str | None = None, page: int = 1
) -> Call[Page[ModelVersion]]:
    """ListModelVersions, the newest first.

    Args:
        model_id: the model.
        approval_status: only versions of this approval status.
        page: number of the page, from 1.
    """
    query = {
        "SortBy": "GmtCreateTime",
        "Order": "DESC",
        "PageNumber": str(page),
        "PageSize": str(PAGE_SIZE),
        **({"ApprovalStatus": approval_status} if approval_status else {}),
    }
    read = partial(read_page, member="Versions", item=_version, before=(page - 1) * PAGE_SIZE)
    return Call(AI_WORKSPACE, "ListModelVersions", "GET", f"{_model_path(model_id)}/versions", read, query)


def get_model_version(model_id: str, version_name: str) -> Call[ModelVersion]:
    """GetModelVersion."""
    return Call(AI_WORKSPACE, "GetModelVersion", "GET", _version_path(model_id, version_name), _version)


def update_model_version(model_id: str, version_name: str, body: Mapping[str, Any]) -> Call[None]:
    """UpdateModelVersion; the answer is the same when it is sent twice."""
    path = _version_path(model_id, version_name)
    return Call(AI_WORKSPACE, "UpdateModelVersion", "PUT", path, acknowledged, body=body)


def delete_model_version(model_id: str, version_name: str) -> Call[None]:
    """DeleteModelVersion; the files of the model stay [inferred]."""
    return Call(AI_WORKSPACE, "DeleteModelVersion", "DELETE", _version_path(model_id, version_name), acknowledged)


def create_model_version_labels(model_id: str, version_name: str, labels: Mapping[str, str]) -> Call[None]:
    """CreateModelVersionLabels: adds labels, or gives them another value."""
    path = f"{_version_path(model_id, version_name)}/labels"
    body = {"Labels": label_list(labels)}
    return Call(AI_WORKSPACE, "CreateModelVersionLabels", "POST", path, acknowledged, body=body)


def label_list(labels: Mapping[str, str]) -> list[dict[str, str]]:
    """Return labels as requests have them."""
    return [{"Key": key, "Value": value} for key, value in labels.items()]


def _model_path(model_id: str) -> str:
    return f"{MODELS}/{segment(model_id)}"


def _version_path(model_id: str, version_name: str) -> str:
    return f"{_model_path(model_id)}/versions/{segment(version_name)}"


def _model_id(body: Mapping[str, Any]) -> str:
    return required_text(body, "ModelId")


def _version_name(body: Mapping[str, Any]) -> str:
    return required_text(body, "VersionName")


def _model(value: object) -> RegisteredModel:
    body = as_object(value, "a model")
    model_id, name = (required_text(body, member) for member in ("ModelId", "ModelName"))
    latest = body.get("LatestVersion")
    version = _version(latest) if isinstance(latest, Mapping) and latest.get("VersionName") else None
    return RegisteredModel(model_id, name, str(body.get("GmtCreateTime") or ""), version)


def _version(value: object) -> ModelVersion:
    body = as_object(value, "a version")
    texts = {
        name: str(body.get(member) or "")
        for name, member in {
            "format_type": "FormatType",
            "framework_type": "FrameworkType",
            "source_type": "SourceType",
            "source_id": "SourceId",
            "description": "VersionDescription",
            "created": "GmtCreateTime",
            "modified": "GmtModifiedTime",
        }.items()
    }
    return ModelVersion(
        name=required_text(body, "VersionName"),
        uri=required_text(body, "Uri"),
        # Without it nothing may be decided: a version that is taken for Pending would be waited for.
        approval_status=required_text(body, "ApprovalStatus"),
        metrics=dict(body.get("Metrics") or {}),
        inference_spec=dict(body.get("InferenceSpec") or {}),
        labels={str(label["Key"]): str(label.get("Value") or "") for label in body.get("Labels") or ()},
        **texts,
    )
