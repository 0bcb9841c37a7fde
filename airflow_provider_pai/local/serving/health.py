"""Whether an instance has started, is alive, can have requests: checks as a service's configuration names them."""

from __future__ import annotations

import http.client
import ipaddress
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_pai.local.serving.connector import Connector

_BAD_REQUEST = 400
_OPEN_PERIOD = 0.1


@dataclass(frozen=True)
class HealthCheck:
    """A check; names and defaults are those of Kubernetes [inferred].

    Attributes:
        port: the port it looks at.
        path: path of a GET request that must succeed; empty for whether the port is open.
        delay: seconds before the first time.
        period: seconds from one time to the next.
        patience: seconds until it counts as failed.
        successes: how often in a row until it counts.
        failures: how often in a row until it counts.
    """

    port: int
    path: str = ""
    delay: float = 0.0
    period: float = 10.0
    patience: float = 1.0
    successes: int = 1
    failures: int = 3

    @classmethod
    def read(cls, value: Mapping[str, Any] | None, port: int) -> Self | None:
        """Read a check of the configuration; None when there is none.

        Args:
            value: the check.
            port: the port of one that names none.
        """
        if not value:
            return None
        over_http = value.get("http_get")
        place = over_http or value.get("tcp_socket") or {}
        default = cls(port)
        return cls(
            port=int(place.get("port") or port),
            path=str(over_http.get("path") or "/") if over_http else "",
            delay=float(value.get("initial_delay_seconds") or default.delay),
            period=float(value.get("period_seconds") or default.period),
            patience=float(value.get("timeout_seconds") or default.patience),
            successes=int(value.get("success_threshold") or default.successes),
            failures=int(value.get("failure_threshold") or default.failures),
        )

    @classmethod
    def of_port(cls, port: int) -> Self:
        """Return the check of a container that names none: its port is open."""
        return cls(port, period=_OPEN_PERIOD, failures=1)

    @property
    def limit(self) -> float:
        """Seconds after which something that never succeeded has failed."""
        return self.delay + self.failures * self.period

    def succeeds(self, connector: Connector) -> bool:
        """Look once."""
        try:
            with connector.probe(self.port, self.patience) as connection:
                return not self.path or _answers(_OpenConnection(connection), self.path)
        except (OSError, http.client.HTTPException):
            return False


class _OpenConnection(http.client.HTTPConnection):
    """HTTP over a connection that is there already."""

    def __init__(self, connection: Any) -> None:
        super().__init__("127.0.0.1")
        self.sock = connection


def _answers(connection: _OpenConnection, path: str) -> bool:
    with closing(connection):
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status < _BAD_REQUEST


def explain_unready(connector: Connector, check: HealthCheck) -> str:
    """Return why a running instance can't have requests, as a clause."""
    found = connector.listening()
    own = [host for host, port in found if port == check.port]
    if any(not _is_loopback(host) for host in own):
        where = f"at {check.path} of port {check.port}" if check.path else f"of port {check.port}"
        return f"its server listens, but its health check {where} does not succeed"
    if own:
        return (
            f"its server listens on {own[0]}:{check.port} only. EAS connects from outside the instance, "
            "so the server must listen on 0.0.0.0"
        )
    others = sorted({port for _, port in found})
    if others:
        return f"its server listens on port {', '.join(map(str, others))}, but the port of the service is {check.port}"
    return f"nothing listens on port {check.port} of the instance"


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


class HealthMonitor:
    """Looks at one running instance, in a thread of its own, until it is ended.

    Attributes:
        started: whether it has started; once it has, this stays.
        ready: whether it can have requests.
        failed: the check that says that it must be started again; empty as long as none does.

    Args:
        connector: how the instance is reached.
        startup: must succeed before the others are looked at; None when nothing is asked.
        liveness: when it fails the instance must be started again; None when nothing is asked.
        health: tells whether it can have requests.
    """

    def __init__(
        self, connector: Connector, startup: HealthCheck | None, liveness: HealthCheck | None, health: HealthCheck
    ) -> None:
        self.started = self.ready = False
        self.failed = ""
        self._reach = connector
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, args=(startup, liveness, health), daemon=True, name="health")
        ]
        self._threads[0].start()

    def end(self) -> None:
        """Look no more; returns when nothing looks any more."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _look(self, startup: HealthCheck | None, liveness: HealthCheck | None, health: HealthCheck) -> None:
        if startup and not self._has_started(startup):
            return
        self.started = True
        if liveness:
            other = threading.Thread(target=self._look_alive, args=(liveness,), daemon=True, name="liveness")
            self._threads.append(other)
            other.start()
        self._ended.wait(health.delay)
        counter = _ConsecutiveCounter(health)
        while not self._ended.is_set():
            self.ready = counter.after(health.succeeds(self._reach), self.ready)
            self._ended.wait(health.period)

    def _has_started(self, startup: HealthCheck) -> bool:
        self._ended.wait(startup.delay)
        counter = _ConsecutiveCounter(startup)
        looks = 0
        while not self._ended.is_set():
            if counter.after(startup.succeeds(self._reach), before=False):
                return True
            looks += 1
            if looks >= startup.failures:
                self.failed = "Startup"
                return False
            self._ended.wait(startup.period)
        return False

    def _look_alive(self, liveness: HealthCheck) -> None:
        self._ended.wait(liveness.delay)
        counter, alive = _ConsecutiveCounter(liveness), True
        while alive and not self._ended.is_set():
            alive = counter.after(liveness.succeeds(self._reach), before=True)
            self.failed = "" if alive else "Liveness"
            self._ended.wait(liveness.period)


class _ConsecutiveCounter:
    """Counts equal outcomes of a check."""

    def __init__(self, check: HealthCheck) -> None:
        self._check = check
        self._last = False
        self._count = 0

    def after(self, succeeded: bool, before: bool) -> bool:
        """Return what holds after one more outcome, when something held before."""
        self._count = self._count + 1 if succeeded == self._last else 1
        self._last = succeeded
        needed = self._check.successes if succeeded else self._check.failures
        return succeeded if self._count >= needed else before
