"""What a person does to release a model: reads its metrics, approves its version, and looks where it comes from."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder, lineage_of_service
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.registry.lineage_text import lineage_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_pai.client.transport.config import ClientConfig

_log = logging.getLogger(__name__)


def approve(home: Path, version: Mapping[str, Any], by: str) -> list[str]:
    """Approve a version with ``pai-local models approve``, and return the command and what it said.

    Args:
        home: folder of the local PAI.
        version: result of the task that has registered it.
        by: who approves it.

    Raises:
        RuntimeError: the version can't be approved.
    """
    words = ["models", "approve", version["model_name"], version["version_name"], "--home", str(home), "--by", by]
    command = [sys.executable, "-m", "airflow_provider_pai.local", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [f"$ pai-local {' '.join(words[:4])}", *done.stdout.splitlines()]


def origin_of_service(config: ClientConfig, service: Mapping[str, Any]) -> list[str]:
    """Return where the model of a service comes from, as lines of text; no database of Airflow's is asked.

    Args:
        config: where PAI and OSS answer.
        service: result of the task that has deployed it.
    """
    client = PAIClient(config)
    try:
        recorder = LineageRecorder(client, ObjectStorage(config), _log)
        registry = ModelRegistry(client, config.workspace_id, _log)
        return lineage_lines(lineage_of_service(recorder, registry, service["service_name"], service["model_uri"]))
    finally:
        client.close()
