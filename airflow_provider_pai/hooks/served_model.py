"""The model that is served now, and how good it is: what the next one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_pai.client.kept_metrics import read_metrics_file
from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.model.service_status import ServiceSnapshot, ServiceStatus, model_uri
from airflow_provider_pai.model.uri import OssUri

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook


def served_model(hook: PAIServiceHook, service_name: str, metrics_file: str) -> dict[str, Any] | None:
    """Return the model of a service, or of a group's service with the most traffic; see the hook's method.

    Raises:
        ServiceError: which model it is can't be told.
        SpecError: the model's metrics can't be read.
    """
    service = hook.find(service_name) or hook.slots(service_name).serving
    if service is None or not service.current_version or service.status == ServiceStatus.CREATING:
        return None
    uri = _model_of(hook, service)
    return {
        "service_name": service.name,
        "version": service.current_version,
        "model_uri": uri,
        "metrics": _metrics(hook, uri, metrics_file),
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


def _metrics(hook: PAIServiceHook, uri: str, metrics_file: str) -> dict[str, Any]:
    if not uri.startswith("oss://"):
        return {}
    return read_metrics_file(hook.oss, OssUri.parse(uri).folder().child(metrics_file)) or {}
