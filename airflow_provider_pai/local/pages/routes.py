"""The routes of the pages, for browsers of this machine."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from airflow_provider_pai.local.catalogs.approvals import ModelApprovals
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.http.admin import is_loopback
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.pages.html import page, tag
from airflow_provider_pai.local.pages.job_page import job_page, job_rows
from airflow_provider_pai.local.pages.model_page import model_page, model_path, model_rows
from airflow_provider_pai.local.pages.service_page import service_page, service_rows

_REFRESH_S = 5
_MAX_FORM = 64 * 1024


@dataclass(frozen=True)
class Pages:
    """What the pages show.

    Attributes:
        jobs: the training jobs.
        services: returns the services, oldest first.
        objects: where outputs are.
        now: the server's time, in UTC.
        approvals: the registered models, and decisions on their versions.
        token: what a person must show who decides; jobs and services don't see it.
    """

    jobs: JobStore
    services: Callable[[], Sequence[ServiceRecord]]
    objects: ObjectStore
    now: Callable[[], datetime]
    approvals: ModelApprovals
    token: str

    def routes(self) -> BaseRoute:
        """Return everything below ``/pages``."""
        # A redirect to a path without a slash would lead where the request's host header says.
        pages = Router(
            [
                Route("/", self.index, methods=["GET"]),
                Route("/jobs/{job_id}", self.job, methods=["GET"]),
                Route("/services/{name}", self.service, methods=["GET"]),
                Route("/models/{model_id}", self.model, methods=["GET"]),
                Route("/models/{model_id}/versions/{version}", self.decide, methods=["POST"]),
            ],
            redirect_slashes=False,
        )
        return Mount("/pages", app=pages)

    def index(self, request: Request) -> Response:
        """Show all jobs, services and models."""
        if not _is_from_here(request):
            return _forbidden()
        jobs = tag("h2", "Training jobs"), job_rows(self.jobs.all())
        services = tag("h2", "Services"), service_rows(self.services())
        models = tag("h2", "Models"), model_rows(self.approvals.table())
        return page("local PAI", tag("h1", "local PAI"), *jobs, *services, *models, refresh_s=_REFRESH_S)

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

    def model(self, request: Request) -> Response:
        """Show a model."""
        if not _is_from_here(request):
            return _forbidden()
        row = self.approvals.models.find(request.path_params["model_id"])
        return _no_model(request) if row is None else model_page(row, self.approvals)

    async def decide(self, request: Request) -> Response:
        """Approve or reject a version for a person who shows the token, and show the model."""
        if not _is_from_here(request) or not _is_own_form(request):
            return _forbidden()
        form, row = await _read_form(request), self.approvals.models.find(request.path_params["model_id"])
        if row is None:
            return _no_model(request)
        if not hmac.compare_digest(form.get("token", "").encode(), self.token.encode()):
            return model_page(row, self.approvals, "Nothing was decided: the token is not that of this server.", 401)
        said = {name: form.get(name, "") for name in ("by", "reason")}
        arguments = row["Name"], request.path_params["version"], form.get("status", "")
        try:
            await run_in_threadpool(partial(self.approvals.decide, *arguments, **said))
        except ErrorResponse as error:
            return model_page(row, self.approvals, f"Nothing was decided: {error.message}", error.status)
        return RedirectResponse(model_path(row["ModelId"]), 303)


def _is_own_form(request: Request) -> bool:
    """Tell whether a form of this server's own pages was sent; a program that is no browser names no origin."""
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


async def _read_form(request: Request) -> dict[str, str]:
    """Read a form's fields; none of a body that is too large."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_FORM:
            return {}
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser of this machine asked for this machine: no web page elsewhere can make it ask so."""
    client = request.client.host if request.client else ""
    return is_loopback(client) and is_loopback(request.url.hostname or "")


def _forbidden() -> Response:
    return page("local PAI", tag("p", "These pages answer to browsers of this machine only."), status=403)


def _no_model(request: Request) -> Response:
    return _missing(f"There is no model {request.path_params['model_id']}.")


def _missing(why: str) -> Response:
    return page("local PAI", tag("p", why), status=404)
