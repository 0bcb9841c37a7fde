"""The model that is served now, and its metrics: what the next one is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_pai.api.services import ServiceVersion
from airflow_provider_pai.client.metrics.file import read_metrics_file
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus, model_uri
from airflow_provider_pai.model.uri import OssUri

_WITH_VERSION = (ServiceStatus.RUNNING, ServiceStatus.UPDATING, ServiceStatus.HOT_UPDATE, ServiceStatus.SCALING)
"""Statuses in which some version of a service answers."""


def served_model(
    services: Services, oss: Callable[[], ObjectStorage], service_name: str, metrics_file: str
) -> dict[str, Any] | None:
    """Return the model of a service, or of a group's service with the most traffic.

    See :meth:`PAIServiceHook.served_model`.

    Args:
        services: the services of the region.
        oss: returns what reads objects.
        service_name: the service or group.
        metrics_file: name of the file in the model's folder that holds its metrics.

    Raises:
        ServiceError: the model cannot be determined.
        SpecError: the model's metrics can't be read.
    """
    service = services.find(service_name) or _serving(services.pair(service_name))
    if service is None or service.status == ServiceStatus.CREATING:
        return None
    if not service.current_version:
        if service.running_instances or service.status in _WITH_VERSION:
            raise _unknown(service, "EAS does not tell which version answers")
        return None
    uri = _model_of(services, service)
    return {
        "service_name": service.name,
        "version": service.current_version,
        "model_uri": uri,
        "metrics": _metrics(oss, uri, metrics_file),
    }


def _serving(pair: BlueGreenPair) -> ServiceSnapshot | None:
    """Return the service of a group that gets most of the traffic; None when none gets any."""
    if pair.unclear:
        # It may be the one with most of the traffic.
        raise _unknown(pair.unclear, "EAS does not tell whether it gets traffic of its group")
    return pair.serving


def _unknown(service: ServiceSnapshot, why: str) -> ServiceError:
    """A missing member is not "none": without a champion the gate would let a worse model through."""
    return ServiceError(f"Cannot determine the model of service {service.name}: {why}. Run the task again.", service)


def _model_of(services: Services, service: ServiceSnapshot) -> str:
    """Return the model of the version that answers, which after a failed update is not the wanted one."""
    number = service.current_version
    if not service.config:
        raise _unknown(service, "EAS does not tell its configuration")
    if number == service.version or (service.status == ServiceStatus.RUNNING and number == service.latest_version):
        return service.model_uri
    found = _models(services.versions(service.name), number, service.latest_version)
    if len(found) != 1:
        why = f"{len(found)} of its versions may be this one" if found else "no version that EAS lists is this one"
        raise ServiceError(
            f"Cannot determine the model of version {number} of service {service.name}: {why}. "
            "Deploy the service once more, so that the version that answers is known.",
            service,
        )
    return found.pop()


def _models(versions: Sequence[ServiceVersion], number: int, latest: int) -> set[str]:
    """Return the models that a version may have.

    When all versions are listed its place among them tells it, since labels do not: two that were asked for at the
    same time have the same, and a version made outside this provider has none or an older one's.
    """
    if len(versions) == latest and number <= latest:
        age = sorted(map(_age, versions))[number - 1]
        return {model_uri(version.config) for version in versions if _age(version) == age}
    return {model_uri(version.config) for version in versions if version.number == number}


def _age(version: ServiceVersion) -> tuple[str, int]:
    return version.built, version.number


def _metrics(oss: Callable[[], ObjectStorage], uri: str, metrics_file: str) -> dict[str, Any]:
    if not uri.startswith("oss://"):
        return {}
    return read_metrics_file(oss(), OssUri.parse(uri).folder().child(metrics_file)) or {}
