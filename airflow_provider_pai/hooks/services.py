"""Hook for services on EAS: turns an Airflow connection into :class:`Services`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_pai.api import services as calls
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.client.transport.endpoint import EndpointClient
from airflow_provider_pai.errors import ServiceError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder, lineage_of_service
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.serving.preparation import ServicePreparation
from airflow_provider_pai.lifecycle.serving.rollback import abort_deployment
from airflow_provider_pai.lifecycle.serving.served_model import served_model
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.gate.gate import METRICS_FILE
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.lineage import Lineage
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.deployment_state import DeploymentState
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.status import GROUPING, ServiceSnapshot
from airflow_provider_pai.model.serving.wait import Observation, WaitCondition


class PAIServiceHook(PAIBaseHook):
    """Creates, updates, watches, calls and deletes services.

    Args:
        pai_conn_id: id of the Airflow connection. Default: ``[pai] default_conn_id``, else
            ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        pai_conn_id: str | None = None,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(pai_conn_id, region_id=region_id, workspace_id=workspace_id)
        self.sleep = sleep
        self._clock = clock

    @cached_property
    def eas(self) -> Services:
        """The calls for services, with this connection."""
        config = self.config
        return Services(
            *(self.client, config.region_id, self.log, config.workspace_id),
            endpoint_client=self.endpoint_client,
            in_vpc=config.network == "vpc",
            mask=mask_secret,
            sleep=self.sleep,
            clock=self._clock,
            endpoint=config.endpoint or "",
        )

    @cached_property
    def preparation(self) -> ServicePreparation:
        """Checks what only the cloud knows, and makes service JSONs."""
        return ServicePreparation(self.eas, lambda: self.oss, lambda: self.storage)

    @cached_property
    def endpoint_client(self) -> EndpointClient:
        """Sends requests to services."""
        return EndpointClient(self.config, sleep=self.sleep, clock=self._clock)

    def close(self) -> None:
        """Close the connections of this hook."""
        for name in ("eas", "preparation"):
            self.__dict__.pop(name, None)
        if opened := self.__dict__.pop("endpoint_client", None):
            opened.close()
        super().close()

    def problems(self, spec: ServiceSpec, known: Sequence[Problem] = ()) -> list[Problem]:
        """Return what is wrong with a service beyond its spec, see :meth:`ServicePreparation.problems`."""
        return self.preparation.problems(spec, known)

    def create(self, config: Mapping[str, Any]) -> None:
        """Create a service.

        Args:
            config: the service JSON.
        """
        self.eas.create(config)

    def describe(self, service_name: str) -> ServiceSnapshot:
        """Return a service as it is.

        Raises:
            NotFoundError: there is no such service.
        """
        return self.eas.describe(service_name)

    def find(self, service_name: str) -> ServiceSnapshot | None:
        """Return a service as it is; None when there is none."""
        return self.eas.find(service_name)

    def services(self, *, name_contains: str | None = None, group: str | None = None) -> list[ServiceSnapshot]:
        """Return the services of the region.

        Args:
            name_contains: only those with this in their names.
            group: only those of this group.

        Raises:
            ProtocolError: the answers hold fewer services than they announce.
        """
        return self.eas.find_all(name_contains=name_contains, group=group)

    def pair(self, group: str) -> BlueGreenPair:
        """Return the two services that take turns in a group."""
        return self.eas.pair(group)

    def versions(self, service_name: str) -> list[calls.ServiceVersion]:
        """Return the versions of a service."""
        return self.eas.versions(service_name)

    def update(self, service_name: str, config: Mapping[str, Any]) -> None:
        """Give a service a new version.

        Args:
            service_name: the service.
            config: the complete service JSON.
        """
        self.eas.update(service_name, config)

    def update_version(self, service_name: str, version: int) -> None:
        """Bring an older version of a service up again."""
        self.eas.update_version(service_name, version)

    def release(self, service_name: str, weight: int, traffic_state: str = GROUPING) -> None:
        """Change a service's share of its group's traffic.

        Args:
            service_name: the service.
            weight: from 0 to 1000.
            traffic_state: ``grouping``, or ``standalone`` for none of the group's traffic.
        """
        self.eas.set_weight(service_name, weight, traffic_state)

    def start(self, service_name: str) -> None:
        """Start a stopped service."""
        self.eas.start(service_name)

    def stop(self, service_name: str) -> None:
        """Stop a service; its versions stay."""
        self.eas.stop(service_name)

    def delete(self, service_name: str) -> None:
        """Delete a service; a service that does not exist is no error."""
        self.eas.delete(service_name)

    def events(
        self, service_name: str, *, event_type: str | None = None, since: str | None = None
    ) -> list[calls.ServiceEvent]:
        """Return what happened to a service.

        Args:
            service_name: the service.
            event_type: ``Normal`` or ``Warning``; both when None.
            since: ISO 8601 time in UTC; the last 7 days when None.
        """
        return self.eas.events(service_name, event_type=event_type, since=since)

    def logs(self, service_name: str) -> list[str]:
        """Return the last lines of output of a service's instances."""
        return self.eas.logs(service_name)

    def diagnosis(self, service_name: str) -> list[calls.ServiceFinding]:
        """Return what EAS itself says is wrong with a service; empty when nothing is."""
        return self.eas.diagnosis(service_name)

    def machines(self) -> list[calls.ServiceMachine]:
        """Return the instance types of public resources."""
        return self.eas.machines()

    def endpoints(self, service_name: str) -> calls.Endpoints:
        """Return where a service, or a group of services, is called, and its token, masked in Airflow's logs.

        Raises:
            NotFoundError: there is neither a service nor a group of this name.
        """
        return self.eas.endpoints(service_name)

    def token(self, service_name: str) -> str:
        """Return what callers of a service or group show (header ``Authorization``), masked in Airflow's logs."""
        return self.endpoints(service_name).token

    def ask(self, service_name: str, request: SmokeTest, *, pause: float = 2.0) -> Answer:
        """Send a request to a service, once EAS's gateway routes to it.

        Args:
            service_name: the service or group.
            request: the request.
            pause: seconds between two tries while the gateway does not route to it.

        Raises:
            TransportError: no answer came.
            ServiceError: the service has no address.
        """
        return self.eas.ask(service_name, request, pause=pause)

    def wait(
        self,
        service_name: str,
        condition: WaitCondition,
        *,
        interval: float,
        limit: float | None = None,
        outage_limit: float = OUTAGE_LIMIT,
    ) -> Observation:
        """Wait in this process until a condition holds, or can't hold any more.

        Args:
            service_name: the service.
            condition: the condition.
            interval: seconds between two looks.
            limit: seconds after which waiting ends with the result ``pending``; None for none.
            outage_limit: seconds that EAS may be unreachable.
        """
        return self.eas.wait(service_name, condition, interval=interval, limit=limit, outage_limit=outage_limit)

    def abort_deployment(self, state: Mapping[str, Any], why: str, **how: Any) -> str:
        """Begin to roll back a deployment that has outlived its task; return what that leaves behind, for people.

        Args:
            state: how far it was, as its trigger has it.
            why: the reason, for people.
            how: ``owner``, ``group`` and ``leave``, see :func:`.lifecycle.serving.rollback.abort_deployment`.

        Raises:
            PAIError: the rollback is not possible.
        """
        return abort_deployment(self.eas, DeploymentState.from_json(state), why, **how)

    def watch(
        self, service_name: str, condition: WaitCondition, *, outage_limit: float = OUTAGE_LIMIT
    ) -> ServiceWatcher:
        """Return what looks at a service, see :class:`ServiceWatcher`."""
        return self.eas.watcher(service_name, condition, outage_limit=outage_limit)

    def lineage(self, service_name: str) -> Lineage:
        """Return where the model of a service comes from, as it was kept when the model was registered.

        Args:
            service_name: the service, or a group.

        Raises:
            NotFoundError: nothing was kept beside the model.
            ServiceError: no model is served.
        """
        served = self.served_model(service_name)
        if served is None or not served["model_uri"]:
            raise ServiceError(f"Service {service_name} serves no model.")
        recorder = LineageRecorder(self.client, self.oss, self.log)
        registry = ModelRegistry(self.client, self.config.workspace_id, self.log)
        return lineage_of_service(recorder, registry, service_name, served["model_uri"])

    def served_model(self, service_name: str, *, metrics_file: str = METRICS_FILE) -> dict[str, Any] | None:
        """Return the model that a service, or a group's service with the most traffic, answers with.

        Args:
            service_name: the service or group.
            metrics_file: name of the JSON file in the model's folder that holds its metrics.

        Returns:
            ``service_name`` (of the service itself), ``version``, ``model_uri``, and ``metrics``: what the file
            says, empty without one. None when no version has answered yet; one that has failed or was stopped since
            still counts, so that the next model is compared with it.

        Raises:
            ServiceError: the model cannot be determined.
            SpecError: the file holds something else than a JSON object.
        """
        return served_model(self.eas, lambda: self.oss, service_name, metrics_file)

    def console_url(self, service_name: str) -> str:
        """Return the page of a service in PAI's console."""
        return self.eas.console_url(service_name)
