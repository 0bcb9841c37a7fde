"""The control plane of local EAS, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.routing import Route

from airflow_provider_pai.local.eas import group_routes, machine_routes, report_routes, service_routes
from airflow_provider_pai.local.eas.checks import ServiceChecks
from airflow_provider_pai.local.eas.groups import Groups
from airflow_provider_pai.local.eas.route_context import RouteContext
from airflow_provider_pai.local.eas.service_runtime import ServiceRuntime
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.eas.views import Views, status


@dataclass(frozen=True)
class ServiceLocation:
    """Where services are, as their answers tell.

    Attributes:
        region_id: the region.
        workspace_id: the workspace.
        owner: id of the account that everything belongs to.
        base_url: URL below which endpoints are, without a trailing slash.
    """

    region_id: str
    workspace_id: str
    owner: str
    base_url: str


class ControlPlane:
    """Answers the operations of EAS.

    Args:
        store: the services.
        groups: their groups.
        runtime: what runs them.
        place: where they are.
        bucket_exists: tells whether an OSS bucket exists.
        now: the server's time, in UTC.
    """

    def __init__(
        self,
        store: ServiceStore,
        groups: Groups,
        runtime: ServiceRuntime,
        place: ServiceLocation,
        bucket_exists: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._groups = groups
        self._context = RouteContext(store, runtime, place.region_id, now)
        self._checks = ServiceChecks(place.workspace_id, machine_routes.SIZES.__contains__, bucket_exists)
        self._views = Views(place.region_id, place.workspace_id, place.owner, place.base_url, machine_routes.SIZES)

    def routes(self) -> list[Route]:
        """Return the routes of all operations that local EAS has."""
        return [
            *service_routes.routes(self._context, self._checks, self._groups, self._views),
            *report_routes.routes(self._context, self._views),
            *group_routes.routes(self._groups, self._views, self._context.time),
            *machine_routes.routes(),
        ]

    def counts(self) -> Mapping[str, int]:
        """Return how many services are in which status."""
        return dict(Counter(map(status, self._store.all())))
