"""Where requests can go at this moment."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from airflow_provider_pai.local.serving.connector import Connector


@dataclass(eq=False)
class Upstream:
    """An instance that answers.

    Attributes:
        name: its name.
        connector: how it is reached.
        busy: number of requests that are under way on it; only :class:`Upstreams` counts.
    """

    name: str
    connector: Connector
    busy: int = field(default=0)


class Upstreams:
    """The instances of all services that get requests; any thread may call it.

    A request takes an instance and gives it back. What is taken out by :meth:`publish` gets no further requests from
    that moment on, and has ended those it had when :meth:`is_idle` says so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered: dict[str, tuple[Upstream, ...]] = {}

    def publish(self, service: str, upstreams: Sequence[Upstream]) -> None:
        """Let requests to a service go to these instances only."""
        with self._lock:
            # Those of before keep their turns: this is called many times between two requests.
            kept = [each for each in self._offered.get(service, ()) if each in upstreams]
            self._offered[service] = (*(each for each in upstreams if each not in kept), *kept)
            if not upstreams:
                del self._offered[service]

    def answers(self, service: str) -> bool:
        """Tell whether anything of a service gets requests."""
        return self.count(service) > 0

    def count(self, service: str) -> int:
        """Return how many instances of a service get requests."""
        with self._lock:
            return len(self._offered.get(service, ()))

    def take(self, service: str, tried: Collection[Upstream] = ()) -> Upstream | None:
        """Take an instance of a service, the one with the fewest requests; None when there is none but those tried."""
        with self._lock:
            left = [each for each in self._offered.get(service, ()) if each not in tried]
            if not left:
                return None
            found = min(left, key=lambda each: each.busy)
            found.busy += 1
            # Behind the others, so that instances which have nothing to do take turns.
            others = [each for each in self._offered[service] if each is not found]
            self._offered[service] = (*others, found)
            return found

    def give_back(self, upstream: Upstream) -> None:
        """Say that a request on an instance has ended."""
        with self._lock:
            upstream.busy -= 1

    def is_idle(self, upstream: Upstream) -> bool:
        """Tell whether no request is under way on an instance."""
        with self._lock:
            return upstream.busy == 0
