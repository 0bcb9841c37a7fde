"""A local PAI in a process of its own, and what can be asked of it from outside."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from devtools.waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devtools.processes import Child, Processes

_TIMEOUT = 180


class LocalServer:
    """A local PAI that was started; ends with the :class:`Processes` it was started in.

    Attributes:
        child: its process.
        ready: what it said when it was ready, see ``Ready`` of ``airflow_provider_pai.local``.
    """

    def __init__(self, processes: Processes, folder: Path, *, log: Path, options: Sequence[str] = ()) -> None:
        """Start it and wait until it is ready.

        Args:
            processes: starts and ends it.
            folder: its home.
            log: file of its output.
            options: further options of ``pai-local serve``.

        Raises:
            RuntimeError: it has ended.
            WaitTimeoutError: it was not ready in time.
        """
        command = [sys.executable, "-m", "airflow_provider_pai.local", "serve", "--home", str(folder), *options]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.child = processes.start("local PAI", command, log=log, env=environment)
        wait_for(lambda: _ready_line(self.child), bool, f"local PAI to be ready, see {log}")
        self.ready: dict[str, str] = json.loads(_ready_line(self.child))

    @property
    def config(self) -> ClientConfig:
        """Where it answers, and with which keys."""
        ready = self.ready
        keys = KeyPair(ready["access_key_id"], ready["access_key_secret"])
        return ClientConfig(
            ready["region_id"], ready["workspace_id"], keys, endpoint=ready["api"], oss_endpoint=ready["oss"]
        )

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask one of the routes below ``/_local/``, for example ``GET health``, and return its answer.

        Raises:
            urllib.error.URLError: it did not answer, or refused.
        """
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.ready['api']}/_local/{path}", content, method=method)
        request.add_header("Authorization", f"Bearer {self.ready['admin_token']}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_TIMEOUT) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def counts(self) -> dict[str, int]:
        """Return how many requests each operation has got, of PAI and of OSS."""
        counters: dict[str, int] = self.control("GET", "counters")["counters"]
        return counters

    def forget_counts(self) -> None:
        """Count from zero."""
        self.control("DELETE", "counters")


def _ready_line(child: Child) -> str:
    if not child.alive:
        raise RuntimeError(f"local PAI has ended:\n{child.log_tail()}")
    complete = [line for line in child.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return next((line for line in complete if line.startswith("{")), "")
