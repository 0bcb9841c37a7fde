"""Operations on workspaces (AIWorkSpace 2021-02-04)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.api.answer import IncompleteAnswerError, as_object, present_text, read_page, required_text
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
    page = read_page(body, "Configs", _config, before=0)
    configs = dict(page.items)
    if DEFAULT_STORAGE_KEY not in configs and len(configs) < page.total:
        # A service that takes no notice of the filter may have it on another page.
        raise IncompleteAnswerError(f"it has {len(configs)} of {page.total} Configs, and {DEFAULT_STORAGE_KEY} is none")
    return configs.get(DEFAULT_STORAGE_KEY) or None


def _config(item: object) -> tuple[str, str]:
    config = as_object(item, "an item of Configs")
    return required_text(config, "ConfigKey"), present_text(config, "ConfigValue")
