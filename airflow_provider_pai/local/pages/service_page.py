"""The page of a service: status, versions, weights, events. Its configuration may hold secrets and is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import HTMLResponse

from airflow_provider_pai.local.eas.config import group_of, instance_count
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.views import explained, status
from airflow_provider_pai.local.pages.html import Markup, facts, page, table, tag

_REFRESH_S = 5
_EVENTS = 200


def service_path(name: str) -> str:
    """Return the path of a service's page."""
    return f"/pages/services/{quote(name, safe='')}"


def service_rows(services: Sequence[ServiceRecord]) -> Markup:
    """Return services as a table, newest first."""
    return table(
        ("Service", "Status", "Created", "Version", "Instances", "Reason"),
        [
            (
                tag("a", service.name, href=service_path(service.name)),
                tag("span", status(service), class_=status(service)),
                service.created,
                f"{service.seen.version} of {service.versions[-1].number}",
                f"{service.seen.running} of {instance_count(service.config)}",
                explained(service)[1],
            )
            for service in reversed(services)
        ],
    )


def service_page(service: ServiceRecord, others: Sequence[ServiceRecord]) -> HTMLResponse:
    """Return the page of one service.

    Args:
        service: the service.
        others: all services, of which those of its group share its traffic.
    """
    shown = status(service)
    versions = [
        (version.number, version.built, "answers" if version.number == service.seen.version else "")
        for version in reversed(service.versions)
    ]
    events = [
        (event.time, event.type, event.reason, event.message, event.instance)
        for event in reversed(service.events[-_EVENTS:])
    ]
    return page(
        f"{shown}: {service.name}",
        tag("h1", service.name, " ", tag("small", service.service_id)),
        tag("p", tag("strong", shown, class_=shown), " ", explained(service)[1]),
        facts(
            {
                "Created": service.created,
                "Changed": service.updated,
                "Instances": f"{service.seen.running} of {instance_count(service.config)}",
                "Labels": ", ".join(f"{name}={value}" for name, value in service.labels.items()),
            }
        ),
        tag("h2", "Versions"),
        table(("Version", "Built", ""), versions),
        tag("h2", "Weights"),
        _weights(service, others),
        tag("h2", "Events"),
        table(("Time", "Type", "Reason", "Message", "Instance"), events),
        refresh_s=_REFRESH_S,
    )


def _weights(service: ServiceRecord, others: Sequence[ServiceRecord]) -> Markup:
    group = group_of(service.config)
    if not group:
        return tag("p", "in no group: it gets all requests of its own endpoint")
    members = [other for other in others if group_of(other.config) == group]
    rows = [
        (tag("a", other.name, href=service_path(other.name)), other.wanted.weight, other.wanted.traffic)
        for other in members
    ]
    return tag("div", tag("p", f"group {group}"), table(("Service", "Weight", "Traffic"), rows))
