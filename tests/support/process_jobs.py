"""Jobs that run as processes of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_pai.local.running.environments import Environments, Interpreter
from airflow_provider_pai.local.running.process import ProcessRuntime
from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from tests.support.local_runtime import LocalRuntimeHarness


def process_harness(
    home: Path, cache: Path, mode: Mode | None = None, slots: int = 2, grace: float = 0.5
) -> LocalRuntimeHarness:
    environments = Environments(cache, Interpreter.at(), os.environ)
    return LocalRuntimeHarness(
        home, ProcessRuntime(Sandbox(home, environments.folders, mode), environments), slots, grace
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
