"""What the instances of all services of a server stand on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_pai.local.running.environments import Environments
from airflow_provider_pai.local.running.ports import Ports
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from airflow_provider_pai.local.serving.upstreams import Upstreams


@dataclass(frozen=True)
class ServingTimings:
    """How patient local EAS is, in seconds unless said otherwise; all [inferred].

    Attributes:
        look: from one look at a service to the next.
        backoff: before an instance that ended is started again; doubled each time.
        longest_backoff: what that ends at.
        failed_starts: how often an instance of a version that never answered may end until the version has failed.
        startup: until an instance without a startup check must have answered.
        unhealthy: from one event that says why a running instance does not answer to the next.
        drain: until requests under way on an instance that is to end are broken off.
        grace: from SIGTERM to SIGKILL.
    """

    look: float = 0.05
    backoff: float = 0.25
    longest_backoff: float = 10.0
    failed_starts: int = 3
    startup: float = 600.0
    unhealthy: float = 5.0
    drain: float = 30.0
    grace: float = 5.0


@dataclass(frozen=True)
class HostResources:
    """What all instances of a server stand on.

    Attributes:
        sandbox: keeps them apart.
        environments: Python environments.
        upstreams: where requests can go.
        now: the server's time, in UTC.
        timings: how patient it is.
        ports: ports for instances without a network of their own.
        monotonic: returns seconds that the timings are measured in.
    """

    sandbox: Sandbox
    environments: Environments
    upstreams: Upstreams
    now: Callable[[], datetime]
    timings: ServingTimings = ServingTimings()
    ports: Ports = field(default_factory=Ports)
    monotonic: Callable[[], float] = time.monotonic

    @property
    def network_note(self) -> str:
        """What the author of a service must know that never answers; empty when there is nothing."""
        if self.sandbox.mode is not Mode.PLAIN:
            return ""
        return (
            " (this machine can't give an instance a network of its own: it must serve on the port of the variable "
            "PORT, and of a script that hard-codes its port there can be one instance at a time)"
        )
