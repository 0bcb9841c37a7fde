"""Services on EAS: everything a task does to a service, each one method."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_pai.api import services as calls
from airflow_provider_pai.api.endpoints import service_page
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.client.transport.endpoint import EndpointClient
from airflow_provider_pai.errors import NotFoundError, Problem, ServiceError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.lifecycle.serving.preparation import ServicePreparation
from airflow_provider_pai.lifecycle.serving.served_model import served_model
from airflow_provider_pai.model.gate.gate import METRICS_FILE
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.reconcile import WaitCondition, WaitResult
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest
from airflow_provider_pai.model.serving.spec import BLUE, GREEN, ServiceSpec, pair_member_name
from airflow_provider_pai.model.serving.status import (
    GROUPING,
    ServiceSnapshot,
)


class PAIServiceHook(PAIBaseHook):
    """Creates, updates, watches, calls and deletes services.

    Args:
        pai_conn_id: id of the Airflow connection. Default ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
        sleep: waits, in seconds.
        clock: a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        pai_conn_id: str = PAIBaseHook.default_conn_name,
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
    def preparation(self) -> ServicePreparation:
        """Checks what only the cloud knows, and makes service JSONs."""
        return ServicePreparation(self)

    @cached_property
    def endpoint_client(self) -> EndpointClient:
        """Calls services."""
        return EndpointClient(self.config, sleep=self.sleep, clock=self._clock)

    def close(self) -> None:
        """Close the connections of this hook."""
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
        self.client.send(calls.create_service(config, self.config.workspace_id))

    def describe(self, service_name: str) -> ServiceSnapshot:
        """Return a service as it is.

        Raises:
            NotFoundError: there is no such service.
        """
        return self.client.send(calls.describe_service(self.config.region_id, service_name))

    def find(self, service_name: str) -> ServiceSnapshot | None:
        """Return a service as it is; None when there is none."""
        try:
            return self.describe(service_name)
        except NotFoundError:
            return None

    def services(self, *, name_contains: str | None = None, group: str | None = None) -> list[ServiceSnapshot]:
        """Return the services of the region.

        Args:
            name_contains: only those whose names contain this.
            group: only those of this group.
        """
        found: list[ServiceSnapshot] = []
        page = 1
        while True:
            answer = self.client.send(calls.list_services(name_contains=name_contains, group=group, page=page))
            found += answer.services
            if not answer.services or len(found) >= answer.total:
                return found
            page += 1

    def slots(self, group: str) -> BlueGreenPair:
        """Return the two services that take turns in a group."""
        return BlueGreenPair(group, self.find(pair_member_name(group, BLUE)), self.find(pair_member_name(group, GREEN)))

    def versions(self, service_name: str) -> list[calls.ServiceVersion]:
        """Return the versions of a service."""
        return self.client.send(calls.list_service_versions(self.config.region_id, service_name))

    def update(self, service_name: str, config: Mapping[str, Any]) -> None:
        """Give a service a new version.

        Args:
            service_name: the service.
            config: the complete service JSON.
        """
        self.client.send(calls.update_service(self.config.region_id, service_name, config))

    def update_version(self, service_name: str, version: int) -> None:
        """Bring an older version of a service up again."""
        self.client.send(calls.update_service_version(self.config.region_id, service_name, version))

    def release(self, service_name: str, weight: int, traffic_state: str = GROUPING) -> None:
        """Change a service's share of its group's traffic.

        Args:
            service_name: the service.
            weight: from 0 to 1000.
            traffic_state: ``grouping``, or ``standalone`` for none of the group's traffic.
        """
        self.client.send(calls.release_service(self.config.region_id, service_name, weight, traffic_state))

    def start(self, service_name: str) -> None:
        """Start a stopped service."""
        self.client.send(calls.start_service(self.config.region_id, service_name))

    def stop(self, service_name: str) -> None:
        """Stop a service; its versions stay."""
        self.client.send(calls.stop_service(self.config.region_id, service_name))

    def delete(self, service_name: str) -> None:
        """Delete a service; one that is gone is left as it is."""
        try:
            self.client.send(calls.delete_service(self.config.region_id, service_name))
        except NotFoundError:
            self.log.info("Service %s is gone; there is nothing to delete", service_name)

    def events(
        self, service_name: str, *, event_type: str | None = None, since: str | None = None
    ) -> list[calls.ServiceEvent]:
        """Return what happened to a service.

        Args:
            service_name: the service.
            event_type: ``Normal`` or ``Warning``; both when None.
            since: ISO 8601 time in UTC; the last 7 days when None.
        """
        region_id = self.config.region_id
        return self.client.send(
            calls.describe_service_events(region_id, service_name, event_type=event_type, since=since)
        )

    def logs(self, service_name: str) -> list[str]:
        """Return lines of output of a service's instances: a page of them."""
        return self.client.send(calls.describe_service_log(self.config.region_id, service_name))

    def machines(self) -> list[calls.ServiceMachine]:
        """Return the instance types of public resources."""
        return self.client.send(calls.describe_machine_spec())

    def endpoints(self, service_name: str) -> calls.Endpoints:
        """Return where a service, or a group of services, is called, and its token, masked in Airflow's logs.

        Raises:
            NotFoundError: there is neither a service nor a group of this name.
        """
        service = self.find(service_name)
        if service is None:
            found = self.client.send(calls.describe_group(self.config.region_id, service_name))
        else:
            found = calls.Endpoints(service.endpoint, service.intranet_endpoint, service.token)
        if found.token:
            mask_secret(found.token)
        return found

    def token(self, service_name: str) -> str:
        """Return what callers of a service or group show (header ``Authorization``), masked in Airflow's logs."""
        return self.endpoints(service_name).token

    def ask(self, service_name: str, request: SmokeTest, *, pause: float = 2.0) -> Answer:
        """Send a request to a service, once EAS's gateway leads to it.

        Args:
            service_name: the service or group.
            request: the request.
            pause: seconds between two tries while the gateway does not lead to it.

        Raises:
            TransportError: no answer came.
            ServiceError: EAS tells no address of it.
        """
        found = self.endpoints(service_name)
        near, far = found.intranet, found.internet
        endpoint = (near or far) if self.config.network == "vpc" else (far or near)
        if not endpoint:
            raise ServiceError(f"service {service_name} has no address yet that a request could be sent to")
        return self.endpoint_client.ask_until_routed(endpoint, found.token, request, pause=pause)

    def wait(
        self,
        service_name: str,
        awaited: WaitCondition,
        *,
        interval: float,
        limit: float | None = None,
        outage_limit: float = OUTAGE_LIMIT,
    ) -> tuple[ServiceSnapshot | None, WaitResult]:
        """Wait in this process until what is awaited of a service has come, or can't come any more.

        Args:
            service_name: the service.
            awaited: what is waited for.
            interval: seconds between two looks.
            limit: seconds after which waiting ends with the verdict ``pending``; None for none.
            outage_limit: seconds that EAS may be unreachable.

        Returns:
            The service as it was last seen, and what that means.
        """
        watch = self.watch(service_name, awaited, outage_limit=outage_limit)
        began = self._clock()
        while (verdict := watch.look()) is WaitResult.PENDING:
            if limit is not None and self._clock() - began >= limit:
                break
            self.sleep(watch.pause(interval))
        return watch.seen, verdict

    def watch(self, service_name: str, awaited: WaitCondition, *, outage_limit: float = OUTAGE_LIMIT) -> ServiceWatcher:
        """Return what looks at a service, see :class:`ServiceWatcher`."""
        return ServiceWatcher(
            self.client,
            self.config.region_id,
            service_name,
            awaited,
            log=self.log.info,
            warn=self.log.warning,
            outage_limit=outage_limit,
            clock=self._clock,
        )

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
            SpecError: the file holds something else than a JSON object.
        """
        return served_model(self, service_name, metrics_file)

    def console_url(self, service_name: str) -> str:
        """Return the page of a service in PAI's console."""
        return service_page(self.config.region_id, self.config.workspace_id, service_name)
