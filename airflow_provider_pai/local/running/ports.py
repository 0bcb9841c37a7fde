"""Ports of this machine for commands that would each have one of their own in the cloud."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from airflow_provider_pai.model.training.container import MASTER_PORT

LOOPBACK = "127.0.0.1"
ANY = 0
"""Preferred by who takes any port."""
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 10_240, 65_535
_FEWEST = 1_000


class Ports:
    """Hands out ports: the one that is preferred while it is free, else any that is.

    Between a port's choice and the moment when a command listens on it, nothing else may get it: no other local PAI of
    this machine, and no connection that the system gives a port.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reservations: dict[int, int | None] = {}

    def take(self, preferred: int = int(MASTER_PORT), *, reuse: bool = False) -> int:
        """Return a port that no other was given; give it back at the end.

        Args:
            preferred: the port the cloud has; by default the one for the rendezvous of distributed jobs.
            reuse: whether it counts as free when connections to it have only just ended, as servers see it.

        Raises:
            OSError: none is free.
        """
        with self._lock:
            for port in chain([preferred] if preferred != ANY else [], _others()):
                if port not in self._reservations and self._reserve(port, reuse=reuse and port == preferred):
                    return port
        raise OSError("no port of this machine is free")

    def give_back(self, port: int) -> None:
        """Let others have a port."""
        with self._lock:
            reservation = self._reservations.pop(port, None)
        if reservation is not None:
            os.close(reservation)

    def _reserve(self, port: int, *, reuse: bool) -> bool:
        """Reserve a port, which the system ends with this process; False when it is taken."""
        reservation = None
        if sys.platform == "linux":
            with socket.socket(socket.AF_UNIX) as lock:
                try:
                    # A name without a file: of each network namespace, as ports are.
                    lock.bind(f"\0airflow-provider-pai/port/{port}")
                except OSError:
                    return False
                if not _is_free(port, reuse=reuse):
                    return False
                reservation = lock.detach()
        elif not _is_free(port, reuse=reuse):
            return False
        self._reservations[port] = reservation
        return True


def _others() -> Iterator[int]:
    """Yield ports that may be taken, in no order: those that the system gives to connections come last."""
    given = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else _HIGHEST
    for lowest, highest in ((_LOWEST, given - 1), (max(_LOWEST, given), _HIGHEST)):
        if highest - lowest >= _FEWEST:
            yield from (random.randint(lowest, highest) for _ in range(_FEWEST))  # noqa: S311 - no secret


def _is_free(port: int, *, reuse: bool) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
