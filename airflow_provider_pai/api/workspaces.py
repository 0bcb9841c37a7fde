"""Operations on workspaces (AIWorkSpace 2021-02-04)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.api.answer import as_object, read_page, required, required_text
from airflow_provider_pai.api.call import Call, segment
from airflow_provider_pai.api.endpoints import AI_WORKSPACE

DEFAULT_STORAGE_KEY = "modelExportPath"
"""Configuration key of a workspace's default storage, as ``alipai`` 0.4.13 reads it."""


def get_workspace(workspace_id: str) -> Call[str]:
    """GetWorkspace; answers the workspace's name. Needs nothing but the id: a good test of a connection."""
    path = f"/api/v1/workspaces/{segment(workspace_id)}"
    return Call(AI_WORKSPACE, "GetWorkspace", "GET", path, _workspace_name)


def get_default_storage(workspace_id: str) -> Call[str | None]:
    """ListConfigs for the default storage; answers its OSS URI, or None when the workspace has none."""
    path = f"/api/v1/workspaces/{segment(workspace_id)}/configs"
    return Call(AI_WORKSPACE, "ListConfigs", "GET", path, _default_storage, {"ConfigKeys": DEFAULT_STORAGE_KEY})


def _workspace_name(body: Mapping[str, Any]) -> str:
    return required_text(body, "WorkspaceName")


def _default_storage(body: Mapping[str, Any]) -> str | None:
    configs = dict(read_page(body, "Configs", _config, before=0).items)
    return configs.get(DEFAULT_STORAGE_KEY) or None


def _config(item: object) -> tuple[str, str]:
    config = as_object(item, "an item of Configs")
    return required_text(config, "ConfigKey"), str(required(config, "ConfigValue"))
