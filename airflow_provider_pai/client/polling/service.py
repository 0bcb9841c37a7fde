"""Watcher for one service: one look after the other, from a worker's thread or from the triggerer's."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.client.polling.interval import Backoff
from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT, OutagePolicy
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.model.serving.status import ServiceSnapshot, ServiceStatus
from airflow_provider_pai.model.serving.wait import WaitCondition, WaitResult

LAG_LIMIT = 15.0
"""Seconds after which a service that is as it was before is taken for one that stays so [inferred]."""


class ServiceWatcher:
    """Looks at one service until a condition holds, or can't hold any more.

    Args:
        client: sends the calls.
        region_id: the region.
        name: the service.
        condition: the condition.
        log: called as a logger's ``info``; told each change of the service.
        warn: called as a logger's ``warning``.
        outage_limit: seconds that EAS may be unreachable.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        client: Sender,
        region_id: str,
        name: str,
        condition: WaitCondition,
        *,
        log: Callable[..., None],
        warn: Callable[..., None],
        outage_limit: float = OUTAGE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._region_id = region_id
        self._name = name
        self._condition = condition
        self._log = log
        self._clock = clock
        self._outage = OutagePolicy(warn, outage_limit, clock)
        self._backoff = Backoff()
        self._stale_since: float | None = None
        self.seen: ServiceSnapshot | None = None

    def look(self) -> WaitResult:
        """Look once; what was seen is in :attr:`seen`.

        Raises:
            PAIError: asking on makes no sense, see :class:`OutagePolicy`.
        """
        try:
            service = self._describe()
        except PAIError as error:
            self._outage.record_error(error)
            self._backoff.record_error(error)
            return WaitResult.PENDING
        self._outage.record_answer()
        self._backoff.reset()
        if service != self.seen:
            self._log("%s", _status_line(service))
        self.seen = service
        return self._settle(self._condition.check(service))

    def pause(self, interval: float) -> float:
        """Return the seconds until the next look."""
        return self._backoff.pause(interval)

    def _describe(self) -> ServiceSnapshot:
        try:
            return self._client.send(describe_service(self._region_id, self._name), attempts=1)
        except NotFoundError:
            return ServiceSnapshot(self._name, ServiceStatus.DELETED)

    def _settle(self, result: WaitResult) -> WaitResult:
        """Return the result that counts: one that is stale for too long stays so."""
        if result is not WaitResult.STALE:
            self._stale_since = None
            return result
        now = self._clock()
        if self._stale_since is None:
            self._stale_since = now
        return WaitResult.FAILED if now - self._stale_since >= LAG_LIMIT else WaitResult.PENDING


def _status_line(service: ServiceSnapshot) -> str:
    """Return how a service is, for the log. A version answers only where an instance of it is ready."""
    version = f", version {service.current_version} answers" if service.answers else ""
    instances = f", {service.running_instances} of {service.total_instances} instances ready"
    why = f" ({service.why})" if service.why else ""
    return f"Service {service.name} is {service.status}{version}{instances if service.total_instances else ''}{why}"
