"""The OSS folder that takes code and outputs unless an author names another."""

from __future__ import annotations

from airflow_provider_pai.api.workspaces import get_default_storage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri


def default_storage(client: Sender, config: ClientConfig) -> OssUri:
    """Return the connection's ``bucket``, else the workspace's default storage.

    Args:
        client: sends the call.
        config: who asks, and where.

    Raises:
        SpecError: there is neither.
    """
    if config.bucket:
        return OssUri(config.bucket, "")
    uri = client.send(get_default_storage(config.workspace_id))
    if uri is None:
        advice = "set one in PAI's console, or set bucket in Extra of the Airflow connection"
        text = f": workspace {config.workspace_id} has no default storage; {advice}"
        raise SpecError([Problem("workspace_id", text)])
    return OssUri.parse(uri).folder().without_endpoint()
