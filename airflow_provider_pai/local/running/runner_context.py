"""What the jobs of a server are run with, and what tells one of them to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from airflow_provider_pai.local.jobs.quota_usage import Quota
from airflow_provider_pai.local.jobs.store import JobStore
from airflow_provider_pai.local.jobs.transitions import Outcome
from airflow_provider_pai.local.running.bound_storage import BoundObjects
from airflow_provider_pai.local.running.runtime import Runtime


@dataclass(frozen=True)
class RunnerContext:
    """What all jobs of a server are run with.

    Attributes:
        store: where jobs are kept.
        objects: where code, data and outputs are.
        runtime: runs their commands.
        region_id: the region the server claims to be.
        now: the server's time, in UTC.
        gpus: GPUs that an instance sees.
        grace_seconds: from SIGTERM to SIGKILL.
        shown: returns the file or folder of this machine that a job can be shown in the place of an input.
        quota: the resource quota that jobs may name.
        disk_full: tells whether a disk has no space left; by default of the one that jobs lie on.
        monotonic: returns seconds that limits of time are measured in.
    """

    store: JobStore
    objects: BoundObjects
    runtime: Runtime
    region_id: str
    now: Callable[[], datetime]
    gpus: int = 0
    grace_seconds: float = 5.0
    shown: Callable[[str, str], Path | None] = lambda *_: None
    quota: Quota = field(default_factory=Quota)
    disk_full: Callable[[], bool] | None = None
    monotonic: Callable[[], float] = time.monotonic

    def is_disk_full(self) -> bool:
        """Tell whether the disk that jobs lie on has no space left."""
        return (self.disk_full or self.store.is_disk_full)()


class CancellationToken:
    """Tells a running job, once, that it must end, and how.

    Attributes:
        event: set when it must end.
        outcome: how; None as long as it need not.
        last_try: set when nothing waits any more for a disk to have space again.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.last_try = threading.Event()
        self.outcome: Outcome | None = None
        self._lock = threading.Lock()

    def cancel(self, outcome: Outcome) -> None:
        """Ask for an end; only the first one counts."""
        with self._lock:
            if self.outcome is None:
                self.outcome = outcome
                self.event.set()
