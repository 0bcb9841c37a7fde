"""The vendor's SDK ``alipai``, which needs another numpy than Airflow: scripts run in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oss2
import pytest

from airflow_provider_pai.local.server import LocalPAI
from tests.support.machine import missing

HERE = Path(__file__).parent
SOURCE = HERE / "source"
INTERPRETER = Path(sys.prefix).with_name(".venv-alipai") / "bin" / "python"
_SECONDS = 180


@dataclass(frozen=True)
class Finished:
    """A script that has ended well.

    Attributes:
        printed: lines of its output, which are alipai's.
        found: what it gave.
    """

    printed: list[str]
    found: dict[str, Any]


class Script:
    """A script that runs with alipai."""

    def __init__(self, name: str, folder: Path, asked: dict[str, Any]) -> None:
        """Start it.

        Args:
            name: file below ``scripts``, without its suffix.
            folder: its home, with nothing in it.
            asked: what it reads.
        """
        self._result = folder / "result.json"
        self._log = folder / "log.txt"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            # Without these alipai asks a metadata service for credentials, and the network for a VPC.
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            "PAI_NETWORK_TYPE": "PUBLIC",
            "NO_PROXY": "127.0.0.1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [INTERPRETER, HERE / "scripts" / f"{name}.py"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        assert self._process.stdin
        with self._process.stdin as pipe:
            pipe.write(json.dumps({**asked, "result": str(self._result)}).encode())

    def finished(self) -> Finished:
        """Wait for its end."""
        code = self._process.wait(_SECONDS)
        printed = self._log.read_text()
        assert code == 0, printed
        return Finished(printed.splitlines(), json.loads(self._result.read_text()))

    def end(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self._process.wait()


Start = Callable[..., Script]


@pytest.fixture(scope="session")
def start(local_pai: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a script with alipai's interpreter; it knows where local PAI answers."""
    if not INTERPRETER.exists():
        missing(
            "alipai",
            f"alipai is not installed: there is no {INTERPRETER}; 'make test' makes it, with a Python before 3.13",
        )
    with ExitStack() as running:

        def started(name: str, ready: dict[str, str] | None = None, **asked: Any) -> Script:
            asked["ready"] = ready or local_pai.ready.to_json()
            script = Script(name, tmp_path_factory.mktemp(name), asked)
            running.callback(script.end)
            return script

        yield started


@pytest.fixture(scope="session")
def bucket(local_pai: LocalPAI) -> oss2.Bucket:
    ready = local_pai.ready
    return oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
