"""What EAS tells of a service that is no good: its warnings and its output."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_pai.errors import PAIError, shortened

if TYPE_CHECKING:
    from airflow_provider_pai.hooks.services import PAIServiceHook

_EVENTS = 10
_LINES = 15
_CLOCK_SKEW = timedelta(minutes=1)


class ServiceFailureDetails:
    """Reads what services say; what can't be read is left out.

    Args:
        hook: reads it.
        since: how far back.
    """

    def __init__(self, hook: PAIServiceHook, since: datetime) -> None:
        self._hook = hook
        self._since = (since - _CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def warnings(self, name: str) -> list[str] | None:
        """Return a service's warnings, the oldest first; None when they can't be read."""
        try:
            events = self._hook.events(name, event_type="Warning", since=self._since)
        except PAIError as error:
            self._hook.log.warning("Events of service %s can't be read (%s)", name, error)
            return None
        return [f"{event.time} {event.reason}: {event.message}" for event in events]

    def lines(self, name: str) -> list[str]:
        """Return a service's latest warnings and lines of output, for a message."""
        parts: list[str] = []
        for title, lines in (
            ("events", (self.warnings(name) or [])[-_EVENTS:]),
            ("last log lines", self._output(name)[-_LINES:]),
        ):
            if lines:
                parts += [f"{title}:", *(f"  {shortened(line)}" for line in lines)]
        return parts

    def _output(self, name: str) -> list[str]:
        try:
            return self._hook.logs(name)
        except PAIError as error:
            self._hook.log.warning("Logs of service %s can't be read (%s)", name, error)
            return []
