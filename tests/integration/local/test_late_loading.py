"""The start of local PAI waits for nothing that few of its users ask for; when they ask, it is there."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from airflow_provider_pai.local.late import Late
from airflow_provider_pai.local.server import LocalPAI
from tests.support.waits import PATIENCE

LATE = ("docker", "httpcore")
OURS = (
    "catalogs.images",
    "catalogs.models",
    "eas",
    "jobs.routes",
    "oss.app",
    "pages",
    "running.container",
    "running.job_run",
    "serving.reverse_proxy",
)
_SHOW = """
import sys
from pathlib import Path
from airflow_provider_pai.local.server import LocalPAI
with LocalPAI(Path(sys.argv[1])):
    print(*sys.modules)
"""


def test_a_server_that_is_ready_has_loaded_no_module_before_its_use(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SHOW, str(tmp_path / "pai")]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    late = {*LATE, *(f"airflow_provider_pai.local.{name}" for name in OURS)}
    assert sorted(late.intersection(loaded)) == []


def test_a_page_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    with LocalPAI(tmp_path / "pai") as pai:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{pai.ready.api}/pages/", timeout=PATIENCE) as answer:
            assert "local PAI" in answer.read().decode()


def test_a_late_value_is_made_once_however_many_ask_at_the_same_time() -> None:
    gate, made = threading.Barrier(8), []

    def make() -> int:
        made.append(1)
        return len(made)

    late = Late(make)

    def ask(_: int) -> int:
        gate.wait()
        return late()

    assert not late.is_made
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {1}
    assert late.is_made
