"""A registered version as a service, without waiting for it: for services that are at once what is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.model.registry.inference import with_registered
from airflow_provider_pai.model.registry.version import ModelVersion
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.validation import read_service


def serve(hook: PAIServiceHook, service: str, model_name: str, version: ModelVersion, **other: Any) -> None:
    """Create or update a service as a deployment of this version does.

    Args:
        hook: makes the calls.
        service: the service.
        model_name: the model.
        version: its version.
        other: arguments in the place of the version's own.
    """
    arguments, labels = with_registered({"service_name": service}, model_name, version)
    spec, problems = read_service({**arguments, **other})
    assert problems == []
    body = service_body(replace(spec, labels=labels), hook.config.workspace_id, spec.source_dir)
    if hook.find(service):
        hook.update(service, body)
    else:
        hook.create(body)
