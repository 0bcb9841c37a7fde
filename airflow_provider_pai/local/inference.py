"""EAS of one server, put together: its services, what runs them, who may ask for them and the way in to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_pai.local.eas import summary
from airflow_provider_pai.local.eas.control import ControlPlane, ServiceLocation
from airflow_provider_pai.local.eas.groups import Groups
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.service_runtime import ServiceRuntime
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.home import SERVICES
from airflow_provider_pai.local.records import RecordTable
from airflow_provider_pai.local.serving.host_resources import HostResources
from airflow_provider_pai.local.serving.preparation import VersionPreparer
from airflow_provider_pai.local.serving.reverse_proxy import ReverseProxy
from airflow_provider_pai.local.serving.supervisor import ServiceSupervisor

if TYPE_CHECKING:
    from starlette.routing import Route

    from airflow_provider_pai.local.home import Home

RuntimeFactory = Callable[[ServiceStore], ServiceRuntime]
"""Makes what runs services, from their store."""


class Inference:
    """Services of one server. :meth:`start` begins to run them, :meth:`close` ends what it began.

    Args:
        home: the server's folder.
        place: where services are, as answers tell.
        stores: where what instances need comes from.
        host: what instances stand on.
        bucket_exists: tells whether an OSS bucket exists.
        runtime: makes what runs services; None for processes of this machine.
        groups: keeps the service groups.

    Attributes:
        proxy: the application for what lies below the services' endpoints.
    """

    def __init__(
        self,
        home: Home,
        place: ServiceLocation,
        stores: VersionPreparer,
        host: HostResources,
        bucket_exists: Callable[[str], bool],
        runtime: RuntimeFactory | None,
        groups: RecordTable,
    ) -> None:
        self._store = ServiceStore(home.path / SERVICES)
        self._groups = Groups(self._store, groups)
        self._supervisor = ServiceSupervisor(self._store, stores, host)
        self._runtime = runtime(self._store) if runtime else self._supervisor
        self._control = ControlPlane(self._store, self._groups, self._runtime, place, bucket_exists, host.now)
        self.proxy = ReverseProxy(self._store, host.upstreams, self._groups.token, self._groups.by_weight)

    def start(self) -> None:
        """Bring up the services that are to run."""
        if self._runtime is self._supervisor:
            self._supervisor.start()

    def close(self) -> None:
        """End all instances; the next start brings them up again."""
        self._supervisor.close()

    def routes(self) -> list[Route]:
        """Return the routes of all operations that local EAS has."""
        return self._control.routes()

    def counts(self) -> Mapping[str, int]:
        """Return how many services are in which status."""
        return self._control.counts()

    def services(self) -> list[ServiceRecord]:
        """Return all services, oldest first."""
        return self._store.all()

    def table(self) -> list[dict[str, str]]:
        """Return all services in short, oldest first."""
        return summary.rows(self._store.all())

    def reset(self) -> None:
        """Delete all services; returns when they are gone."""
        self._runtime.reset()
