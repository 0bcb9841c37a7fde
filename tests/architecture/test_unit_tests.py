"""Unit tests are quick and quiet: what starts a process, opens a socket or sleeps is refused among them."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.io_guard import GUARD

TESTS = Path(__file__).parents[1]


def bind() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))


def in_a_thread() -> None:
    thread = threading.Thread(target=bind)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("act", "reported"),
    [
        (lambda: subprocess.run([sys.executable, "-c", ""], check=True), "starts a process"),
        (bind, "opens a socket"),
        (in_a_thread, "opens a socket"),
        (lambda: time.sleep(0.001), "sleeps"),
        (lambda: asyncio.run(asyncio.sleep(0.001)), "sleeps"),
        (lambda: asyncio.run(asyncio.sleep(0)), None),
    ],
    ids=["process", "socket", "socket in a thread", "sleep", "asyncio sleep", "yield to the loop"],
)
def test_what_a_unit_test_must_not_do_is_noticed(act: Callable[[], object], reported: str | None) -> None:
    GUARD.start()
    act()
    assert GUARD.stop() == ([reported] if reported else [])


def test_threads_that_were_there_before_do_not_count() -> None:
    go = threading.Event()
    thread = threading.Thread(target=lambda: (go.wait(), bind()))
    thread.start()
    GUARD.start()
    go.set()
    thread.join()
    assert GUARD.stop() == []


def test_unit_and_integration_tests_mirror_the_rooms_of_the_package() -> None:
    package = TESTS.parent / "airflow_provider_pai"
    for kind in ("unit", "integration"):
        rooms = {path.parent.relative_to(TESTS / kind) for path in (TESTS / kind).rglob("test_*.py")}
        assert [str(room) for room in sorted(rooms) if not (package / room).is_dir()] == []


def test_tests_that_share_a_server_run_in_one_worker(tmp_path: Path) -> None:
    """A newer pytest once took no notice of the groups, and each worker started an Airflow of its own."""
    (tmp_path / "test_shared.py").write_text(
        "import pytest\n\n\n@pytest.mark.xdist_group('one')\n@pytest.mark.parametrize('n', range(6))\n"
        "def test_it(n, worker_id):\n    open(f'{worker_id}.ran', 'w').close()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "3", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len(list(tmp_path.glob("*.ran"))) == 1
