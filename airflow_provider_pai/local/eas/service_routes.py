"""The routes that create, change, describe and delete services."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.eas import changes, errors, query
from airflow_provider_pai.local.eas.checks import ServiceChecks
from airflow_provider_pai.local.eas.groups import Groups, new_token
from airflow_provider_pai.local.eas.names import label_problems
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.resource_checks import TRAFFIC_STATES
from airflow_provider_pai.local.eas.route_context import RouteContext
from airflow_provider_pai.local.eas.views import Views
from airflow_provider_pai.local.http.parameters import flag, one_of, some_of
from airflow_provider_pai.local.http.response import json_response
from airflow_provider_pai.local.http.schema import MapOf, checked_body, json_body

SERVICES = "/api/v2/services"
SERVICE = f"{SERVICES}/{{ClusterId}}/{{ServiceName}}"
_PAGE_SIZE = 100
_MERGE, _REPLACE = "merge", "replace"
_WEIGHTS = range(changes.NO_TRAFFIC, 1001)


def routes(context: RouteContext, checks: ServiceChecks, groups: Groups, views: Views) -> list[Route]:
    """Return the routes.

    Args:
        context: finds and changes services.
        checks: decides what a service can be.
        groups: the service groups.
        views: shows services.
    """
    handlers = _ServiceRoutes(context, checks, groups, views)
    puts: dict[str, Callable[[Request], Response]] = {
        "": handlers.update,
        "/version": handlers.roll_back,
        "/release": handlers.release,
        "/start": handlers.start,
        "/stop": handlers.stop,
        "/restart": handlers.restart,
        "/label": handlers.label,
    }
    return [
        Route(SERVICES, handlers.create, methods=["POST"]),
        Route(SERVICES, handlers.list, methods=["GET"]),
        Route(SERVICE, handlers.describe, methods=["GET"]),
        Route(SERVICE, handlers.delete, methods=["DELETE"]),
        *(Route(f"{SERVICE}{path}", handler, methods=["PUT"]) for path, handler in puts.items()),
        Route(f"{SERVICE}/label", handlers.remove_labels, methods=["DELETE"]),
    ]


@dataclass(frozen=True)
class _ServiceRoutes:
    """One method per operation. They run in worker threads, because all of them read or write files."""

    context: RouteContext
    checks: ServiceChecks
    groups: Groups
    views: Views
    naming: threading.Lock = field(default_factory=threading.Lock)

    def create(self, request: Request) -> Response:
        asked = request.query_params
        labels = query.labels_of(asked, "Labels")
        for problem in label_problems(labels, "Labels"):
            raise errors.invalid(problem + ".")
        if asked.get("WorkspaceId", self.views.workspace_id) not in ("", self.views.workspace_id):
            raise errors.invalid(f"WorkspaceId is invalid: there is no workspace {asked['WorkspaceId']}.")
        if flag(asked, "Develop"):
            raise errors.invalid("Develop is not supported: local PAI has no development mode.")
        config = self.checks.checked(json_body(request))
        ids = _new_id(), str(uuid.uuid4())
        service = changes.created(config, *ids, new_token(), self.context.time(), labels)
        self._add(service)
        self.context.runtime.wake(service.name)
        return json_response(self.views.short(service))

    def list(self, request: Request) -> Response:
        page = query.asked_page(request.query_params, _PAGE_SIZE)
        rows = [self.views.service(service, alone=False) for service in self._candidates(request)]
        found = query.matching(rows, request.query_params)
        shown = [{name: value for name, value in row.items() if value is not None} for row in page.of(found)]
        return json_response(
            {"Services": shown, "PageNumber": page.number, "PageSize": page.size, "TotalCount": len(found)}
        )

    def _candidates(self, request: Request) -> Sequence[ServiceRecord]:
        """Return the services that a list can have: one that asks for a whole name looks at no others."""
        if name := request.query_params.get("ServiceName"):
            found = self.context.store.get(name)
            return [found] if found else []
        return self.context.store.all()

    def describe(self, request: Request) -> Response:
        return json_response(self.views.service(self.context.existing(request), alone=True))

    def update(self, request: Request) -> Response:
        kind = one_of(request.query_params, "UpdateType", (_MERGE, _REPLACE), _MERGE)
        body = self.checks.well_formed(json_body(request))

        def update(service: ServiceRecord, now: str) -> ServiceRecord:
            config = changes.merged(service.config, body) if kind == _MERGE else body
            return changes.updated(service, self.checks.checked(config), now)

        return self.context.change(request, update, "updating")

    def roll_back(self, request: Request) -> Response:
        number = self._required(request, "Version", int)
        return self.context.change(request, lambda service, now: changes.rolled_back(service, number, now), "updating")

    def release(self, request: Request) -> Response:
        body = checked_body(request, {"Weight": int, "TrafficState": str})
        weight, traffic = body.get("Weight"), one_of(body, "TrafficState", TRAFFIC_STATES) or None
        if weight is None and traffic is None:
            raise errors.missing("Weight or TrafficState")
        if weight is not None and weight not in _WEIGHTS:
            raise errors.invalid(f"Weight is invalid: it must be from {_WEIGHTS[0]} to {_WEIGHTS[-1]}.")
        return self.context.change(
            request, lambda service, now: changes.released(service, weight, traffic, now), "released"
        )

    def start(self, request: Request) -> Response:
        return self.context.change(request, changes.started, "starting")

    def stop(self, request: Request) -> Response:
        return self.context.change(request, changes.stopped, "stopping")

    def restart(self, request: Request) -> Response:
        return self.context.change(request, changes.restarted, "restarting")

    def delete(self, request: Request) -> Response:
        if self.context.existing(request).wanted.deleted:
            return json_response({"Message": "The service is being deleted"})
        return self.context.change(request, changes.deleted, "deleting")

    def label(self, request: Request) -> Response:
        labels = self._required(request, "Labels", MapOf(str))
        for problem in label_problems(labels, "Labels"):
            raise errors.invalid(problem + ".")
        return self._relabel(request, labels, set())

    def remove_labels(self, request: Request) -> Response:
        keys = some_of(request.query_params, "Keys")
        if not keys:
            raise errors.missing("Keys")
        return self._relabel(request, {}, keys)

    def _relabel(self, request: Request, added: dict[str, str], removed: set[str]) -> Response:
        return self.context.change(
            request, lambda service, now: changes.labelled(service, added, removed, now), "labelled"
        )

    def _add(self, service: ServiceRecord) -> None:
        """Keep a new service, unless its name is another service's or a group's, or its group's a service's."""
        with self.naming:
            taken = self.groups.get(service.name)
            if taken or service.name == service.group:
                raise errors.name_taken(service.name, "a service group")
            if service.group and self.context.store.get(service.group):
                raise errors.name_taken(service.group, "a service, so that no group can have it")
            if not self.context.store.add(service):
                raise errors.name_taken(service.name, "another service")

    def _required(self, request: Request, name: str, form: Any) -> Any:
        body = checked_body(request, {name: form})
        if name not in body:
            raise errors.missing(name)
        return body[name]


def _new_id() -> str:
    """Return an id in the form of the service's, greater than those before: times on the wire have whole seconds."""
    return f"eas-m-{time.time_ns():018x}"
