"""Services as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_pai.local.columns import aligned
from airflow_provider_pai.local.eas.config import instance_count
from airflow_provider_pai.local.eas.record import ServiceRecord
from airflow_provider_pai.local.eas.views import explained, status

COLUMNS = ("ServiceName", "Status", "CreateTime", "Version", "Instances", "Message")


def rows(services: Iterable[ServiceRecord]) -> list[dict[str, str]]:
    """Return what the table shows of services."""
    return [
        {
            "ServiceName": service.name,
            "Status": status(service),
            "CreateTime": service.created,
            "Version": f"{service.seen.version} of {service.versions[-1].number}",
            "Instances": f"{service.seen.running} of {instance_count(service.config)}",
            "Message": explained(service)[1],
        }
        for service in services
    ]


def lines(table: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the table as text: a head and a line for each service; nothing when there is none."""
    return aligned(COLUMNS, table) if table else []
