"""Jobs that run as processes of this machine."""

from __future__ import annotations

import os
import secrets
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


def unique_seconds() -> str:
    """Return a number of seconds that no other process of this machine sleeps."""
    return f"6{secrets.randbelow(10**9):09}"


def left_behind(seconds: str) -> str:
    """Return a command that ends when a process has left its session and sleeps, without any of its variables."""
    leaves = f'env -i setsid /bin/sh -c "echo x > $HOME/away; exec sleep {seconds}"'
    return f"{leaves} & until [ -e $HOME/away ]; do sleep 0.1; done"


def sleepers(seconds: str) -> list[int]:
    """Return the processes of this machine that sleep so long."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                # It has ended meanwhile.
                continue
            if arguments[0].rpartition(b"/")[2] == b"sleep" and arguments[1:2] == [seconds.encode()]:
                found.append(int(entry.name))
    return found
