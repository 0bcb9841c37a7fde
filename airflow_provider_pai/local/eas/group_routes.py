"""The routes of service groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_pai.local.eas import errors
from airflow_provider_pai.local.eas.groups import TRAFFIC_MODES, Group, Groups
from airflow_provider_pai.local.eas.query import asked_page
from airflow_provider_pai.local.eas.views import Views
from airflow_provider_pai.local.http.parameters import one_of
from airflow_provider_pai.local.http.response import json_response
from airflow_provider_pai.local.http.schema import checked_body

GROUPS = "/api/v2/groups"
GROUP = f"{GROUPS}/{{ClusterId}}/{{GroupName}}"
_PAGE_SIZE = 100


def routes(groups: Groups, views: Views, time: Callable[[], str]) -> list[Route]:
    """Return the routes.

    Args:
        groups: the groups.
        views: shows them.
        time: returns the time as on the wire.
    """
    handlers = _GroupRoutes(groups, views, time)
    return [
        Route(GROUPS, handlers.list, methods=["GET"]),
        Route(GROUP, handlers.describe, methods=["GET"]),
        Route(GROUP, handlers.update, methods=["PUT"]),
        Route(f"{GROUP}/endpoints", handlers.endpoints, methods=["GET"]),
    ]


@dataclass(frozen=True)
class _GroupRoutes:
    groups: Groups
    views: Views
    time: Callable[[], str]

    def list(self, request: Request) -> Response:
        query = request.query_params
        page = asked_page(query, _PAGE_SIZE)
        here = query.get("WorkspaceId") in (None, "", self.views.workspace_id)
        rows = [
            self.views.group(group) for group in self.groups.all() if here and query.get("Filter", "") in group.name
        ]
        return json_response(
            {"Groups": page.of(rows), "PageNumber": page.number, "PageSize": page.size, "TotalCount": len(rows)}
        )

    def describe(self, request: Request) -> Response:
        return json_response(self.views.group(self._existing(request)))

    def update(self, request: Request) -> Response:
        """Change how traffic is shared; an answer without members but a message is [inferred]."""
        name = self._existing(request).name
        mode = one_of(checked_body(request, {"TrafficMode": str}), "TrafficMode", TRAFFIC_MODES)
        if not mode:
            raise errors.missing("TrafficMode")
        if not self.groups.share(name, mode, self.time()):
            raise errors.no_such_group(name)
        return json_response({"Message": f"Group [{name}] is updated"})

    def endpoints(self, request: Request) -> Response:
        group = self._existing(request)
        return json_response(self.views.endpoints(group.name, group.token))

    def _existing(self, request: Request) -> Group:
        name = request.path_params["GroupName"]
        group = self.groups.get(name) if request.path_params["ClusterId"] == self.views.region_id else None
        if group is None:
            raise errors.no_such_group(name)
        return group
