"""The routes that tell what becomes of services: versions, instances, events, output, endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.eas import errors, views
from airflow_provider_pai.local.eas.query import asked_page
from airflow_provider_pai.local.eas.record import NORMAL, WARNING, ServiceRecord
from airflow_provider_pai.local.eas.route_context import RouteContext
from airflow_provider_pai.local.eas.service_routes import SERVICE
from airflow_provider_pai.local.eas.service_runtime import Instance
from airflow_provider_pai.local.eas.views import Row, Views
from airflow_provider_pai.local.http.page import descending
from airflow_provider_pai.local.http.parameters import flag, one_of
from airflow_provider_pai.local.http.response import json_response
from airflow_provider_pai.local.jobs.query import read_time_range

_PAGE_SIZE = 100
_LINES = 500
_WINDOW = timedelta(days=7)


def routes(context: RouteContext, shown: Views) -> list[Route]:
    """Return the routes.

    Args:
        context: finds services.
        shown: shows services.
    """
    reports = _Reports(context, shown)
    return [
        Route(f"{SERVICE}/versions", reports.versions, methods=["GET"]),
        Route(f"{SERVICE}/instances", reports.instances, methods=["GET"]),
        Route(f"{SERVICE}/instances/{{InstanceName}}/containers", reports.containers, methods=["GET"]),
        Route(f"{SERVICE}/events", reports.events, methods=["GET"]),
        Route(f"{SERVICE}/logs", reports.logs, methods=["GET"]),
        Route(f"{SERVICE}/endpoints", reports.endpoints, methods=["GET"]),
        Route(f"{SERVICE}/diagnosis", reports.diagnosis, methods=["GET"]),
    ]


@dataclass(frozen=True)
class _Reports:
    context: RouteContext
    shown: Views

    def versions(self, request: Request) -> Response:
        """Answer ListServiceVersions, newest first [inferred]."""
        service = self.context.existing(request)
        return _page(request, "Versions", [views.version(service, each) for each in reversed(service.versions)])

    def instances(self, request: Request) -> Response:
        service, query = self.context.existing(request), request.query_params
        one_of(query, "Sort", ("StartTime",))
        rows = [views.instance(service, each) for each in self.context.runtime.instances(service.name)]
        equal = {"InstanceName": "InstanceName", "InstanceStatus": "Status", "InstanceType": "InstanceType"} | {
            "HostIP": "HostIP",
            "InstanceIP": "InnerIP",
            "Role": "Role",
            "ResourceType": "ResourceType",
        }
        found = [
            row
            for row in rows
            if all(row[member] == query[name] for name, member in equal.items() if query.get(name))
            and any(query.get("Filter", "") in str(row[name]) for name in ("InstanceName", "InnerIP", "InstanceType"))
            and not flag(query, "IsSpot")
        ]
        return _page(request, "Instances", found[::-1] if descending(query) else found)

    def containers(self, request: Request) -> Response:
        service = self.context.existing(request)
        instance = self._instance(service, request.path_params["InstanceName"])
        return json_response({"ServiceName": service.name, "Containers": [views.container(service, instance)]})

    def events(self, request: Request) -> Response:
        """Answer DescribeServiceEvent, newest first [inferred]."""
        service, query = self.context.existing(request), request.query_params
        kind, instance = one_of(query, "EventType", (NORMAL, WARNING)), query.get("InstanceName")
        start, end = read_time_range(query)
        first = start or wire_time(self.context.now() - _WINDOW)
        rows = [
            views.event(event)
            for event in reversed(service.events)
            if first <= event.time <= (end or "~")
            and kind in ("", event.type)
            and instance in (None, "", event.instance)
        ]
        return _numbered(request, "Events", rows, _PAGE_SIZE)

    def logs(self, request: Request) -> Response:
        """Answer DescribeServiceLog, oldest line first [inferred]."""
        service, query = self.context.existing(request), request.query_params
        for name in ("StartTime", "EndTime"):
            if query.get(name):
                raise errors.invalid(f"{name} is not supported: the lines that local PAI keeps have no times.")
        if flag(query, "Previous"):
            raise errors.invalid("Previous is not supported: local PAI keeps the lines of all starts together.")
        instance = query.get("InstanceName") or None
        if instance:
            self._instance(service, instance)
        here = query.get("ContainerName") in (None, "", views.CONTAINER) and query.get("Ip") in (
            None,
            "",
            views.LOCAL_IP,
        )
        lines = self.context.runtime.lines(service.name, instance) if here else ()
        return _numbered(request, "Logs", [line for line in lines if query.get("Keyword", "") in line], _LINES)

    def endpoints(self, request: Request) -> Response:
        service = self.context.existing(request)
        return json_response(self.shown.endpoints(service.name, service.token))

    def diagnosis(self, request: Request) -> Response:
        """Answer DescribeServiceDiagnosis."""
        return json_response({"DiagnosisList": views.diagnosis(self.context.existing(request))})

    def _instance(self, service: ServiceRecord, name: str) -> Instance:
        for instance in self.context.runtime.instances(service.name):
            if instance.name == name:
                return instance
        raise errors.no_such_instance(service.name, name)


def _page(request: Request, name: str, rows: Sequence[Row]) -> Response:
    page = asked_page(request.query_params, _PAGE_SIZE)
    shown = [{key: value for key, value in row.items() if value is not None} for row in page.of(rows)]
    return json_response({name: shown, "PageNumber": page.number, "PageSize": page.size, "TotalCount": len(rows)})


def _numbered(request: Request, name: str, items: Sequence[Any], size: int) -> Response:
    """Answer with a page as events and output have it."""
    page = asked_page(request.query_params, size, "PageNum")
    pages = -(-len(items) // page.size)
    return json_response(
        {name: list(page.of(items)), "PageNum": page.number, "TotalPageNum": pages, "TotalCount": len(items)}
    )
