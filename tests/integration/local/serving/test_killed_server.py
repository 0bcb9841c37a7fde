"""A server that is killed while services run, and started again."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.sandbox import Mode, Sandbox
from tests.support.machine import missing
from tests.support.serving import SERVER, LocalServingHarness
from tests.support.waits import wait_until

HIDES = """
import os, subprocess
# One process in a session of its own, one that forgets what it was started with, and one that does both.
for how in ("setsid", "env -i", "env -i setsid"):
    subprocess.Popen([*how.split(), "/bin/sleep", "MARK"])
"""


def serve(home: Path, cache: Path, mode: str, mark: str) -> None:
    """What the process that is killed does."""
    harness = LocalServingHarness(home, Mode(mode), cache)
    harness.start()
    harness.create("svc", harness.config(HIDES.replace("MARK", mark) + SERVER))
    harness.until("svc", "Running")
    print(*marked(mark), flush=True)
    time.sleep(600)


def marked(mark: str) -> list[int]:
    """Return the processes that have a mark in their command line."""
    return [process for process, command in commands().items() if mark in command and process != os.getpid()]


def commands() -> dict[int, str]:
    """Return the command lines of all processes."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(path.parent.name)] = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            # It has ended meanwhile.
            continue
    return found


@pytest.mark.parametrize("mode", list(Mode))
def test_a_kill_leaves_nothing_and_after_a_restart_the_service_is_brought_up_again(
    tmp_path: Path, cache: Path, mode: Mode
) -> None:
    home = tmp_path / "home"
    mark = f"621{secrets.randbelow(10**9):09}"
    try:
        Sandbox(home, (), mode)
    except RuntimeError as error:
        missing(str(mode), str(error))
    command = [sys.executable, __file__, str(home), str(cache), mode, mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        left = [int(process) for process in server.stdout.readline().split()]
        server.kill()
    assert len(left) >= 4
    # Without a restart: of a server that is not started again nothing may keep running on this machine.
    wait_until(lambda: marked(mark) == [])

    harness = LocalServingHarness(home, mode, cache)
    harness.start()
    try:
        wait_until(lambda: harness.service("svc").seen.status == "Running" and harness.upstreams.answers("svc"))
        assert harness.ask("svc").status_code == 200
        harness.want("svc", deleted=True)
    finally:
        harness.close()
    wait_until(lambda: marked(mark) == [])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[4]))
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
