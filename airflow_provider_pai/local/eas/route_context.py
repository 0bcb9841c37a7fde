"""What the routes of EAS do with services: find the one that a request names, and change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.eas import errors
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.service_runtime import ServiceRuntime
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.http.response import json_response


@dataclass(frozen=True)
class RouteContext:
    """Finds and changes services.

    Attributes:
        store: where they are kept.
        runtime: what runs them.
        region_id: the region, which is the cluster that requests name.
        now: the server's time, in UTC.
    """

    store: ServiceStore
    runtime: ServiceRuntime
    region_id: str
    now: Callable[[], datetime]

    def time(self) -> str:
        """Return the time as on the wire."""
        return wire_time(self.now())

    def existing(self, request: Request) -> ServiceRecord:
        """Return the service that a request's path names.

        Raises:
            ErrorResponse: 404, there is none, or it is in another region.
        """
        name = request.path_params["ServiceName"]
        service = self.store.get(name) if request.path_params["ClusterId"] == self.region_id else None
        if service is None:
            raise errors.no_such_service(name)
        return service

    def change(self, request: Request, change: Callable[[ServiceRecord, str], ServiceRecord], what: str) -> Response:
        """Change the service that a request's path names, and let the runtime know.

        Args:
            request: the request.
            change: gets the service and the time as on the wire; returns what takes its place, or raises a refusal.
            what: what the service is after that, for the answer.

        Raises:
            ErrorResponse: 404 there is no such service, 409 it is being deleted; and what the change raises.
        """
        name, now = self.existing(request).name, self.time()

        def checked(service: ServiceRecord) -> ServiceRecord:
            if service.wanted.deleted:
                raise errors.wrong_state(name, "is being deleted")
            return change(service, now)

        try:
            self.store.change(name, checked)
        except KeyError as error:
            raise errors.no_such_service(name) from error
        self.runtime.wake(name)
        return json_response({"Message": f"Service [{name}] is {what}"})
