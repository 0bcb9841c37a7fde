"""Reads what EAS tells of a service that has failed: its warnings, its output, EAS's own diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.serving.failure import ServiceFailureDetails

T = TypeVar("T")

_EVENTS = 10
_LINES = 15
_CLOCK_SKEW = timedelta(minutes=1)


class FailureDetailsReader:
    """Reads what services say; what can't be read is left out.

    Args:
        services: the services of the region.
        since: how far back.
    """

    def __init__(self, services: Services, since: datetime) -> None:
        self._services = services
        self._since = (since - _CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def warnings(self, name: str) -> list[str] | None:
        """Return a service's warnings, the oldest first; None when they can't be read."""
        events = self._read(
            f"the events of service {name}",
            lambda: self._services.events(name, event_type="Warning", since=self._since),
        )
        if events is None:
            return None
        # EAS lists the newest first [inferred]; of one second, too.
        events.reverse()
        events.sort(key=lambda event: event.time)
        return [f"{event.time} {event.reason}: {event.message}" for event in events]

    def read(self, name: str) -> ServiceFailureDetails:
        """Return what EAS says of a service."""
        lines = self._read(f"the output of service {name}", lambda: self._services.logs(name))
        findings = self._read(f"EAS's diagnosis of service {name}", lambda: self._services.diagnosis(name))
        # One page of events with the newest last; one page of output: its end is what happened last.
        return ServiceFailureDetails(
            warnings=tuple((self.warnings(name) or [])[-_EVENTS:]),
            output=tuple((lines or [])[-_LINES:]),
            diagnosis="\n".join(finding.text for finding in findings or ()),
        )

    def _read(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except PAIError as error:
            self._services.log.warning("Cannot read %s (%s)", what, error)
            return None
