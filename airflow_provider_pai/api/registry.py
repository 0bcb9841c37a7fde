"""Operations on registered models and their versions (AIWorkSpace 2021-02-04); each function returns a Call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from airflow_provider_pai.api.answer import acknowledged
from airflow_provider_pai.api.call import Call, T, segment, text_of
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel

MODELS = "/api/v1/models"
PAGE_SIZE = 100
"""Items on a page; the documents' default is 10, a maximum is not public [inferred: 100]."""


@dataclass(frozen=True)
class RegistryPage(Generic[T]):
    """One page of a list.

    Attributes:
        items: what is on this page.
        total: number of items on all pages.
    """

    items: tuple[T, ...]
    total: int


def create_model(body: Mapping[str, Any]) -> Call[str]:
    """CreateModel; answers the model's id. Not idempotent: PAI has no client token."""
    return Call(AI_WORKSPACE, "CreateModel", "POST", MODELS, _model_id, body=body, idempotent=False)


def list_models(workspace_id: str, *, name: str | None = None, page: int = 1) -> Call[RegistryPage[RegisteredModel]]:
    """ListModels, the oldest first.

    Args:
        workspace_id: the workspace.
        name: only models of this name. It goes in double quotes, alipai's way to ask for the whole name; the
            caller still compares names [inferred: what the service makes of the quotes is not public].
        page: number of the page, from 1.
    """
    query = {
        "WorkspaceId": workspace_id,
        "SortBy": "GmtCreateTime",
        "Order": "ASC",
        "PageNumber": str(page),
        "PageSize": str(PAGE_SIZE),
        **({"ModelName": f'"{text_of("model_name", name)}"'} if name else {}),
    }
    return Call(AI_WORKSPACE, "ListModels", "GET", MODELS, _model_page, query)


def get_model(model_id: str) -> Call[RegisteredModel]:
    """GetModel."""
    return Call(AI_WORKSPACE, "GetModel", "GET", _model_path(model_id), _model)


def update_model(model_id: str, body: Mapping[str, Any]) -> Call[None]:
    """UpdateModel."""
    return Call(AI_WORKSPACE, "UpdateModel", "PUT", _model_path(model_id), acknowledged, body=body)


def delete_model(model_id: str) -> Call[None]:
    """DeleteModel; the service refuses it while the model has versions [inferred]."""
    return Call(AI_WORKSPACE, "DeleteModel", "DELETE", _model_path(model_id), acknowledged)


def create_model_version(model_id: str, body: Mapping[str, Any]) -> Call[str]:
    """CreateModelVersion; answers the version's name. Harmless to repeat where the body names the version."""
    path = f"{_model_path(model_id)}/versions"
    return Call(AI_WORKSPACE, "CreateModelVersion", "POST", path, _version_name, body=body, idempotent=False)


def list_model_versions(
    model_id: str, *, approval_status: str | None = None, page: int = 1
) -> Call[RegistryPage[ModelVersion]]:
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
    return Call(AI_WORKSPACE, "ListModelVersions", "GET", f"{_model_path(model_id)}/versions", _version_page, query)


def get_model_version(model_id: str, version_name: str) -> Call[ModelVersion]:
    """GetModelVersion."""
    read = partial(_version, "GetModelVersion")
    return Call(AI_WORKSPACE, "GetModelVersion", "GET", _version_path(model_id, version_name), read)


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
    return _member("CreateModel", body, "ModelId")


def _version_name(body: Mapping[str, Any]) -> str:
    return _member("CreateModelVersion", body, "VersionName")


def _model(body: Mapping[str, Any]) -> RegisteredModel:
    model_id, name = (_member("GetModel", body, member) for member in ("ModelId", "ModelName"))
    latest = body.get("LatestVersion")
    version = _version("GetModel", latest) if isinstance(latest, Mapping) and latest.get("VersionName") else None
    return RegisteredModel(model_id, name, str(body.get("GmtCreateTime") or ""), version)


def _model_page(body: Mapping[str, Any]) -> RegistryPage[RegisteredModel]:
    items = _items("ListModels", body, "Models")
    return RegistryPage(tuple(_model(item) for item in items), int(body["TotalCount"]))


def _version_page(body: Mapping[str, Any]) -> RegistryPage[ModelVersion]:
    items = _items("ListModelVersions", body, "Versions")
    return RegistryPage(tuple(_version("ListModelVersions", item) for item in items), int(body["TotalCount"]))


def _version(action: str, body: Mapping[str, Any]) -> ModelVersion:
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
        name=_member(action, body, "VersionName"),
        uri=_member(action, body, "Uri"),
        # Without it nothing may be decided: a version that is taken for Pending would be waited for.
        approval_status=_member(action, body, "ApprovalStatus"),
        metrics=dict(body.get("Metrics") or {}),
        inference_spec=dict(body.get("InferenceSpec") or {}),
        labels={str(label["Key"]): str(label.get("Value") or "") for label in body.get("Labels") or ()},
        **texts,
    )


def _items(action: str, body: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    """Return a page's items; "there is none" leads to a new one, so it must have been said."""
    if not isinstance(body.get(member), list) or "TotalCount" not in body:
        raise ProtocolError(f"{action}: the answer has no {member} with their TotalCount", str(dict(body)))
    return list(body[member])


def _member(action: str, body: Mapping[str, Any], member: str) -> str:
    if not body.get(member):
        raise ProtocolError(f"{action}: the answer has no {member}", str(dict(body)))
    return str(body[member])
