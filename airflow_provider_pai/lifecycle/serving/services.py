"""The calls that are made for services: each one method, without Airflow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_provider_pai.api import services as calls
from airflow_provider_pai.api.call import text_of
from airflow_provider_pai.api.endpoints import service_page
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
from airflow_provider_pai.client.polling.service import ServiceWatcher
from airflow_provider_pai.client.transport.endpoint import EndpointClient
from airflow_provider_pai.client.transport.listing import list_all
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import NotFoundError, ServiceError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.model.serving.blue_green import BlueGreenPair
from airflow_provider_pai.model.serving.names import BLUE, GREEN, pair_member_name
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest
from airflow_provider_pai.model.serving.status import GROUPING, ServiceSnapshot
from airflow_provider_pai.model.serving.wait import Observation, WaitCondition, WaitResult

_ROUTING_PAUSE = 2.0
_MORE_LOOKS = 2
"""Looks at a pair of services after one that did not tell of their traffic."""


def find_pair(
    group: str, find: Callable[[str], ServiceSnapshot | None], sleep: Callable[[float], None]
) -> BlueGreenPair:
    """Return the two services of a group; an answer that does not tell of traffic is asked for again.

    Args:
        group: the group.
        find: returns a service as it is, None when there is none.
        sleep: waits, in seconds.
    """
    names = [pair_member_name(text_of("group", group), color) for color in (BLUE, GREEN)]
    pair = BlueGreenPair(group, *map(find, names))
    for _ in range(_MORE_LOOKS):
        if pair.unclear is None:
            break
        sleep(_ROUTING_PAUSE)
        pair = BlueGreenPair(group, *map(find, names))
    return pair


@dataclass(frozen=True)
class Services:
    """The services of one region.

    Attributes:
        client: sends calls to EAS.
        region_id: the region.
        log: the task's logger.
        workspace_id: the workspace that created services belong to.
        endpoint_client: sends requests to services themselves; None where none are sent.
        in_vpc: whether services are called at their addresses inside a VPC.
        mask: called with each token that is read, so that logs hide it.
        sleep: waits, in seconds.
        clock: a monotonic clock, in seconds.
        endpoint: where EAS answers when that is said by the connection; empty for the region's own.
    """

    client: Sender
    region_id: str
    log: Log
    workspace_id: str = ""
    endpoint_client: EndpointClient | None = None
    in_vpc: bool = False
    mask: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    endpoint: str = ""

    def create(self, config: Mapping[str, object]) -> None:
        """Create a service from its service JSON."""
        self.client.send(calls.create_service(config, self.workspace_id))

    def describe(self, name: str) -> ServiceSnapshot:
        """Return a service as it is.

        Raises:
            NotFoundError: there is no such service.
        """
        return self.client.send(calls.describe_service(self.region_id, name))

    def find(self, name: str) -> ServiceSnapshot | None:
        """Return a service as it is; None when there is none."""
        try:
            return self.describe(name)
        except NotFoundError:
            return None

    def pair(self, group: str) -> BlueGreenPair:
        """Return the two services that take turns in a group; an answer that tells no traffic is asked for again."""
        return find_pair(group, self.find, self.sleep)

    def find_all(self, *, name_contains: str | None = None, group: str | None = None) -> list[ServiceSnapshot]:
        """Return the services of the region; see :meth:`PAIServiceHook.services`.

        Raises:
            ProtocolError: the pages hold fewer services than they announce.
        """
        return list_all(
            self.client,
            lambda page: calls.list_services(name_contains=name_contains, group=group, page=page),
            key=lambda service: service.name,
        )

    def versions(self, name: str) -> list[calls.ServiceVersion]:
        """Return the versions of a service."""
        return self.client.send(calls.list_service_versions(self.region_id, name))

    def update(self, name: str, config: Mapping[str, object]) -> None:
        """Give a service a new version, from its complete service JSON."""
        self.client.send(calls.update_service(self.region_id, name, config))

    def update_version(self, name: str, version: int) -> None:
        """Bring an older version of a service up again."""
        self.client.send(calls.update_service_version(self.region_id, name, version))

    def set_weight(self, name: str, weight: int, traffic_state: str = GROUPING) -> None:
        """Change a service's share of its group's traffic."""
        self.client.send(calls.release_service(self.region_id, name, weight, traffic_state))

    def traffic_mode(self, group: str) -> str:
        """Return how a group shares its traffic; empty when the answer does not tell."""
        return self.client.send(calls.describe_traffic_mode(self.region_id, group))

    def set_traffic_mode(self, group: str, mode: str) -> None:
        """Change how a group shares its traffic."""
        self.client.send(calls.update_group(self.region_id, group, mode))

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Add labels to a service."""
        self.client.send(calls.update_service_label(self.region_id, name, labels))

    def start(self, name: str) -> None:
        """Start a stopped service."""
        self.client.send(calls.start_service(self.region_id, name))

    def stop(self, name: str) -> None:
        """Stop a service; its versions stay."""
        self.client.send(calls.stop_service(self.region_id, name))

    def delete(self, name: str) -> None:
        """Delete a service; a service that does not exist is no error."""
        try:
            self.client.send(calls.delete_service(self.region_id, name))
        except NotFoundError:
            self.log.info("Service %s does not exist; nothing to delete", name)

    def events(self, name: str, *, event_type: str | None = None, since: str | None = None) -> list[calls.ServiceEvent]:
        """Return what happened to a service; see :meth:`PAIServiceHook.events`."""
        return self.client.send(calls.describe_service_events(self.region_id, name, event_type=event_type, since=since))

    def logs(self, name: str) -> list[str]:
        """Return the last lines of output of a service's instances: its last page."""
        first = self.client.send(calls.describe_service_log(self.region_id, name))
        if first.pages <= 1:
            return [*first.lines]
        last = self.client.send(calls.describe_service_log(self.region_id, name, page=first.pages))
        return [*last.lines]

    def diagnosis(self, name: str) -> list[calls.ServiceFinding]:
        """Return what EAS itself says is wrong with a service."""
        return self.client.send(calls.describe_service_diagnosis(self.region_id, name))

    def machines(self) -> list[calls.ServiceMachine]:
        """Return the instance types of public resources."""
        return self.client.send(calls.describe_machine_spec())

    def endpoints(self, name: str) -> calls.Endpoints:
        """Return where a service or a group is called, and its token.

        Raises:
            NotFoundError: there is neither a service nor a group of this name.
        """
        service = self.find(name)
        if service is None:
            found = self.client.send(calls.describe_group(self.region_id, name))
        else:
            found = calls.Endpoints(service.endpoint, service.intranet_endpoint, service.token)
        if found.token:
            self.mask(found.token)
        return found

    def ask(self, name: str, request: SmokeTest, *, pause: float = _ROUTING_PAUSE) -> Answer:
        """Send a request to a service, once EAS's gateway routes to it; see :meth:`PAIServiceHook.ask`.

        Raises:
            TransportError: no answer came.
            ServiceError: the service has no address.
        """
        found = self.endpoints(name)
        endpoint = (found.intranet or found.internet) if self.in_vpc else (found.internet or found.intranet)
        if not endpoint or self.endpoint_client is None:
            raise ServiceError(f"Service {name} has no address that a request could be sent to.")
        return self.endpoint_client.ask_until_routed(endpoint, found.token, request, pause=pause)

    def watcher(self, name: str, condition: WaitCondition, *, outage_limit: float = OUTAGE_LIMIT) -> ServiceWatcher:
        """Return what looks at a service until a condition holds."""
        return ServiceWatcher(
            *(self.client, self.region_id, name, condition),
            log=self.log.info,
            warn=self.log.warning,
            outage_limit=outage_limit,
            clock=self.clock,
        )

    def wait(
        self,
        name: str,
        condition: WaitCondition,
        *,
        interval: float,
        limit: float | None = None,
        outage_limit: float = OUTAGE_LIMIT,
    ) -> Observation:
        """Wait in this thread until a condition holds, or can't hold any more.

        Args:
            name: the service.
            condition: the condition.
            interval: seconds between two looks.
            limit: seconds after which waiting ends with the result ``pending``; None for none.
            outage_limit: seconds that EAS may be unreachable.
        """
        watcher = self.watcher(name, condition, outage_limit=outage_limit)
        deadline = None if limit is None else self.clock() + limit
        while (result := watcher.look()) is WaitResult.PENDING:
            if deadline is not None and self.clock() >= deadline:
                break
            self.sleep(watcher.pause(interval))
        return Observation(watcher.seen, result)

    def console_url(self, name: str) -> str:
        """Return the page of a service in PAI's console, or in local PAI."""
        return service_page(self.region_id, self.workspace_id, text_of("service_name", name), self.endpoint)
