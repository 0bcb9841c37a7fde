"""The routes of the pages, for browsers of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.http.admin import is_loopback
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.pages.html import page, tag
from airflow_provider_pai.local.pages.job_page import job_page, job_rows
from airflow_provider_pai.local.pages.service_page import service_page, service_rows

_REFRESH_S = 5


@dataclass(frozen=True)
class Pages:
    """What the pages show.

    Attributes:
        jobs: the training jobs.
        services: returns the services, oldest first.
        objects: where outputs are.
        now: the server's time, in UTC.
    """

    jobs: JobStore
    services: Callable[[], Sequence[ServiceRecord]]
    objects: ObjectStore
    now: Callable[[], datetime]

    def routes(self) -> BaseRoute:
        """Return everything below ``/pages``."""
        return Mount(
            "/pages",
            routes=[
                Route("/", self.index, methods=["GET"]),
                Route("/jobs/{job_id}", self.job, methods=["GET"]),
                Route("/services/{name}", self.service, methods=["GET"]),
            ],
        )

    def index(self, request: Request) -> Response:
        """Show all jobs and services."""
        if not _is_from_here(request):
            return _forbidden()
        jobs = tag("h2", "Training jobs"), job_rows(self.jobs.all())
        services = tag("h2", "Services"), service_rows(self.services())
        return page("local PAI", tag("h1", "local PAI"), *jobs, *services, refresh_s=_REFRESH_S)

    def job(self, request: Request) -> Response:
        """Show a job."""
        if not _is_from_here(request):
            return _forbidden()
        job_id = request.path_params["job_id"]
        record = self.jobs.get(job_id)
        if record is None:
            return _missing(f"There is no training job {job_id}.")
        whole = request.query_params.get("log") == "all"
        return job_page(record, self.jobs.files(job_id), self.objects, self.now(), whole_log=whole)

    def service(self, request: Request) -> Response:
        """Show a service."""
        if not _is_from_here(request):
            return _forbidden()
        services, name = self.services(), request.path_params["name"]
        found = next((service for service in services if service.name == name), None)
        return _missing(f"There is no service {name}.") if found is None else service_page(found, services)


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser of this machine asked for this machine: no web page elsewhere can make it ask so."""
    client = request.client.host if request.client else ""
    return is_loopback(client) and is_loopback(request.url.hostname or "")


def _forbidden() -> Response:
    return page("local PAI", tag("p", "These pages answer to browsers of this machine only."), status=403)


def _missing(why: str) -> Response:
    return page("local PAI", tag("p", why), status=404)
