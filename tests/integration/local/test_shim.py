"""What a command has begun ends with it, and with the server, however either of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_pai.local.running import shim
from airflow_provider_pai.local.running.processes import facts, kill_survivors
from tests.support.waits import PATIENCE

SERVER = """
import subprocess, sys
from airflow_provider_pai.local.running import shim
started = subprocess.Popen(shim.command_line(sys.argv[1:], wrapped=False))
print(started.pid, flush=True)
started.wait()
"""
HIDES = """
setsid sleep 600 & echo $! >> pids
env -i /bin/sleep 600 & echo $! >> pids
(setsid sh -c 'echo $$ >> pids; trap "" TERM HUP INT; sleep 600 & echo $! >> pids; wait' &)
(env -i setsid sh -c 'echo $$ >> pids; while :; do sleep 0.05; done' &)
"""
HIDDEN = 5


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def shimmed(folder: Path, script: str) -> Iterator[subprocess.Popen[bytes]]:
    command = shim.command_line(["/bin/sh", "-c", script], wrapped=False)
    with subprocess.Popen(command, cwd=folder, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.send_signal(shim.END_ALL)


def hidden(folder: Path) -> list[int]:
    """Return the processes that a command hid, as soon as all are there."""

    def read() -> list[int]:
        file = folder / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    until(lambda: len(read()) == HIDDEN)
    return read()


def living(processes: list[int]) -> list[int]:
    return [process for process in processes if facts(process)]


@pytest.mark.parametrize(
    ("script", "code"),
    [("true", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("exec /no/such/program", 127)],
)
def test_the_exit_code_is_the_commands(tmp_path: Path, script: str, code: int) -> None:
    with shimmed(tmp_path, script) as process:
        assert process.wait(PATIENCE) == code


def test_a_command_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    command = shim.command_line([str(tmp_path / "absent")], wrapped=False)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (127, f"{tmp_path / 'absent'}: No such file or directory\n")


def test_a_command_inherits_no_signal_that_is_ignored(tmp_path: Path) -> None:
    # "yes" ends by SIGPIPE; if it were ignored, it would print an error.
    with shimmed(tmp_path, "yes 2> error | head -1 > /dev/null") as process:
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "error").read_text() == ""


def test_what_a_command_has_left_behind_ends_with_it(tmp_path: Path) -> None:
    with shimmed(tmp_path, HIDES + f"until [ $(wc -l < pids) = {HIDDEN} ]; do sleep 0.02; done; exit 5") as process:
        assert process.wait(PATIENCE) == 5
        assert living(hidden(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_all_ends_with_the_server(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVER, "/bin/sh", "-c", HIDES + "wait"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        started = int(server.stdout.readline())
        left = [started, *hidden(tmp_path)]
        assert living(left) == left
        server.send_signal(number)
    until(lambda: living(left) == [])


def test_nothing_begins_when_the_server_has_ended_before(tmp_path: Path) -> None:
    # Its parent is another process than the server that it is to end with.
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    *line, _, mode = shim.command_line([], wrapped=False)
    command = [*line, str(gone.pid), mode, "/bin/sh", "-c", "echo > begun"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 137
    assert not (tmp_path / "begun").exists()


def test_all_that_has_left_its_session_is_asked_to_end_and_has_time_for_it(tmp_path: Path) -> None:
    (tmp_path / "saves").write_text(
        "trap 'sleep 0.3; echo saved > last; exit' TERM; echo > ready; while :; do sleep 0.05; done"
    )
    with shimmed(tmp_path, "setsid sh saves & wait") as process:
        until((tmp_path / "ready").exists)
        process.terminate()
        assert process.wait(PATIENCE) == 143
    assert (tmp_path / "last").read_text() == "saved\n"


def test_what_does_not_listen_is_ended_at_once_when_it_is_killed(tmp_path: Path) -> None:
    with shimmed(tmp_path, "trap '' TERM\n" + HIDES + "wait") as process:
        left = hidden(tmp_path)
        process.terminate()
        process.send_signal(shim.END_ALL)
        assert process.wait(PATIENCE) == 137
        assert living(left) == []


def test_a_sandbox_is_not_asked_to_end_itself(tmp_path: Path) -> None:
    # In the place of a sandbox: it would end by the signal, and does not see that what is in it has.
    script = "(trap 'echo asked > inner; exit' TERM; echo > ready; while :; do sleep 0.05; done); echo left > outer"
    command = shim.command_line(["/bin/sh", "-c", script], wrapped=True)
    with subprocess.Popen(command, cwd=tmp_path) as process:
        until((tmp_path / "ready").exists)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert [(tmp_path / name).read_text() for name in ("inner", "outer")] == ["asked\n", "left\n"]


def test_a_shim_that_is_killed_leaves_what_the_next_start_finds(tmp_path: Path) -> None:
    with shimmed(tmp_path, HIDES + "wait") as process:
        left = hidden(tmp_path)
        found = facts(process.pid)
        assert found is not None
        assert kill_survivors([(process.pid, found.started)], "NOTHING=has this") >= len(left)
    until(lambda: living(left) == [])
