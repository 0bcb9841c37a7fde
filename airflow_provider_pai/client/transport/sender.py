"""What everything that asks PAI for something needs."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_pai.api.call import Call, T


class Sender(Protocol):
    """What sends calls; :class:`~airflow_provider_pai.client.transport.http.PAIClient` does."""

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        """Send a call and return its value."""
        ...
