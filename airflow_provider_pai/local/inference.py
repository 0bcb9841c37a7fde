"""EAS of one server, put together: its services, what runs them, who may ask for them and the way in to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_pai.local.eas import table
from airflow_provider_pai.local.eas.control import ControlPlane, Place
from airflow_provider_pai.local.eas.groups import Groups
from airflow_provider_pai.local.eas.service_runtime import Fleet
from airflow_provider_pai.local.eas.store import FOLDER, ServiceStore
from airflow_provider_pai.local.serving.host_resources import Ground
from airflow_provider_pai.local.serving.preparation import Stores
from airflow_provider_pai.local.serving.reverse_proxy import Door
from airflow_provider_pai.local.serving.supervisor import ServiceKeeper

if TYPE_CHECKING:
    from starlette.routing import Route

    from airflow_provider_pai.local.home import Home

_GROUPS = "service-groups"

FleetOf = Callable[[ServiceStore], Fleet]
"""Makes what runs services, from their store."""


class Inference:
    """Services of one server. :meth:`start` begins to run them, :meth:`close` ends what it began.

    Args:
        home: the server's folder.
        place: where services are, as answers tell.
        stores: where what instances need comes from.
        ground: what instances stand on.
        bucket_exists: tells whether an OSS bucket exists.
        fleet: makes what runs services; None for processes of this machine.

    Attributes:
        door: the application for what lies below the services' endpoints.
    """

    def __init__(
        self,
        home: Home,
        place: Place,
        stores: Stores,
        ground: Ground,
        bucket_exists: Callable[[str], bool],
        fleet: FleetOf | None,
    ) -> None:
        self._store = ServiceStore(home.path / FOLDER)
        self._groups = Groups(self._store, home.recall(_GROUPS, []), partial(home.remember, _GROUPS))
        self._keeper = ServiceKeeper(self._store, stores, ground)
        self._fleet = fleet(self._store) if fleet else self._keeper
        self._control = ControlPlane(self._store, self._groups, self._fleet, place, bucket_exists, ground.now)
        self.door = Door(self._store, ground.upstreams, self._groups.token, self._groups.by_weight)

    def start(self) -> None:
        """Bring up the services that are to run."""
        if self._fleet is self._keeper:
            self._keeper.start()

    def close(self) -> None:
        """End all instances; the next start brings them up again."""
        self._keeper.close()

    def routes(self) -> list[Route]:
        """Return the routes of all operations that local EAS has."""
        return self._control.routes()

    def counts(self) -> Mapping[str, int]:
        """Return how many services are in which status."""
        return self._control.counts()

    def table(self) -> list[dict[str, str]]:
        """Return all services in short, oldest first."""
        return table.rows(self._store.all())

    def reset(self) -> None:
        """Delete all services; returns when they are gone."""
        self._fleet.reset()
