"""Ports for the rendezvous of distributed jobs, of which several share this machine."""

from __future__ import annotations

import socket
import threading

from airflow_provider_pai.model.contract import MASTER_PORT

LOOPBACK = "127.0.0.1"


class MasterPorts:
    """Hands out a port per job: PAI's own while it is free, else any that is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self) -> int:
        """Return a port that no other running job has; give it back at the job's end."""
        with self._lock:
            port = _free(int(MASTER_PORT)) if int(MASTER_PORT) not in self._taken else None
            while port is None or port in self._taken:
                port = _free(0)
            self._taken.add(port)
            return port

    def give_back(self, port: int) -> None:
        """Let other jobs have a port."""
        with self._lock:
            self._taken.discard(port)


def _free(port: int) -> int | None:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
