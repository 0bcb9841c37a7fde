"""The model that is served now, and how good it is: what the next one is compared with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.errors import PAIError, ServiceError
from airflow_provider_pai.model.service_status import ServiceSnapshot, ServiceStatus, model_uri
from airflow_provider_pai.model.uri import OssUri

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook

METRICS_FILE = "metrics.json"
"""Name of the file beside a model that holds its metrics."""


def served_model(hook: PAIServiceHook, service_name: str) -> dict[str, Any] | None:
    """Return the model of a service, or of a group's service with the most traffic; see the hook's method.

    Raises:
        ServiceError: which model it is can't be told.
        PAIError: the model's metrics can't be read.
    """
    service = hook.find(service_name) or hook.slots(service_name).serving
    if service is None or not service.current_version or service.status == ServiceStatus.CREATING:
        return None
    uri = _model_of(hook, service)
    return {
        "service_name": service.name,
        "version": service.current_version,
        "model_uri": uri,
        "metrics": _metrics(hook, uri),
    }


def _model_of(hook: PAIServiceHook, service: ServiceSnapshot) -> str:
    """Return the model of the version that answers, which after a failed update is not the wanted one."""
    if service.current_version == service.version:
        return service.model_uri
    numbered = {version.number: version for version in hook.versions(service.name)}
    found = numbered.get(service.current_version)
    if found is None:
        raise ServiceError(
            f"which model version {service.current_version} of {service.name} has can't be told", service
        )
    return model_uri(found.config)


def _metrics(hook: PAIServiceHook, uri: str) -> dict[str, Any]:
    if not uri.startswith("oss://"):
        return {}
    place = OssUri.parse(uri).folder().child(METRICS_FILE)
    if not hook.oss.exists(place):
        return {}
    try:
        read = json.loads(hook.oss.read(place))
    except ValueError as error:
        raise PAIError(f"{place} is no JSON ({error})") from error
    if not isinstance(read, dict):
        raise PAIError(f"{place} must hold a JSON object of metrics by name")
    return read
