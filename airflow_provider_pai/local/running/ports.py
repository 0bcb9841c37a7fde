"""Ports of this machine for commands that would each have one of their own in the cloud."""

from __future__ import annotations

import socket
import threading

from airflow_provider_pai.model.training.container import MASTER_PORT

LOOPBACK = "127.0.0.1"


class Ports:
    """Hands out ports: the one that is preferred while it is free, else any that is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self, preferred: int = int(MASTER_PORT), *, reuse: bool = False) -> int:
        """Return a port that no other was given; release it at the end.

        Args:
            preferred: the port the cloud has; by default the one for the rendezvous of distributed jobs.
            reuse: whether it counts as free when connections to it have only just ended, as servers see it.
        """
        with self._lock:
            port = _free(preferred, reuse=reuse) if preferred not in self._taken else None
            while port is None or port in self._taken:
                port = _free(0)
            self._taken.add(port)
            return port

    def give_back(self, port: int) -> None:
        """Let others have a port."""
        with self._lock:
            self._taken.discard(port)


def _free(port: int, *, reuse: bool = False) -> int | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
