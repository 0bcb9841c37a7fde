"""Modules run in another process, in the environment of a peer or in ours: asked with JSON, answering with JSON.

Both sides are here, and need nothing but the standard library, so that this module can be imported in all environments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from devtools.waits import wait_for

ROOT = Path(__file__).resolve().parent.parent
_ALIPAI_SCRIPTS = ROOT / "tests" / "alipai" / "scripts"
_FOLDER = "BENCHMARK_FOLDER"
_RESULT = "result.json"
_READY = "ready"
_LAST_LINES = 20


class Environment(Enum):
    """An environment that modules run in; the Makefile makes those of the peers."""

    OURS = ".venv"
    PEERS = ".venv-peers"
    """Airflow with Amazon's and Databricks' providers, and this package: for comparing operators and triggers."""
    ALIPAI = ".venv-alipai"
    """The vendor's SDK, without Airflow; ``import connection`` gets what connects it to a local PAI."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return Path(sys.executable) if self is Environment.OURS else ROOT / self.value / "bin" / "python"

    @property
    def is_there(self) -> bool:
        """Whether it has been made."""
        return self.python.exists()

    def version(self, distribution: str) -> str:
        """Return the version of a package in it."""
        program = f"import importlib.metadata as m; print(m.version({distribution!r}))"
        return subprocess.run([self.python, "-c", program], capture_output=True, check=True, text=True).stdout.strip()

    def variables(self) -> dict[str, str]:
        """Return the variables of a process in it: this process's, but for what is set for Airflow and Alibaba."""
        dropped = ("AIRFLOW", "ALIBABA_CLOUD_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        kept["PYTHONPATH"] = str(ROOT)
        if self is Environment.ALIPAI:
            # Without the other two alipai asks a metadata service for credentials, and the network for a VPC.
            kept["PYTHONPATH"] += f"{os.pathsep}{_ALIPAI_SCRIPTS}"
            kept |= {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "PAI_NETWORK_TYPE": "PUBLIC"}
        return {**kept, "NO_PROXY": "127.0.0.1"}


@dataclass(frozen=True)
class Errand:
    """A module that runs.

    Attributes:
        process: its process; not to be waited for by others.
        log: file that it prints into.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def wait_ready(self, timeout: float = 120) -> None:
        """Wait until it has imported what it needs, that is until it calls :func:`asked`.

        Args:
            timeout: seconds to wait at most.

        Raises:
            WaitTimeoutError: it did not get ready in time.
        """
        wait_for(
            lambda: self.log.with_name(_READY).exists() or self.process.poll() is not None,
            bool,
            f"{self.process.args!r} to be ready",
            timeout=timeout,
            interval=0.02,
        )

    def ask(self, question: Mapping[str, Any], timeout: float = 120) -> None:
        """Wait until it is ready and ask it; only once.

        Args:
            question: what :func:`asked` returns in it.
            timeout: seconds to wait at most.

        Raises:
            WaitTimeoutError: it did not get ready in time.
        """
        self.wait_ready(timeout)
        if self.process.stdin is not None:
            with suppress(BrokenPipeError), self.process.stdin as pipe:
                pipe.write(json.dumps(dict(question)).encode())

    def answer(self, timeout: float = 600) -> dict[str, Any]:
        """Wait for its end and return what it answered.

        Args:
            timeout: seconds to wait at most.

        Raises:
            RuntimeError: it ended badly; the text ends with what it printed last.
            subprocess.TimeoutExpired: it did not end in time.
        """
        code = self.process.wait(timeout)
        result = self.log.with_name(_RESULT)
        if code or not result.exists():
            last = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
            raise RuntimeError(f"{self.process.args!r} ended with exit code {code}:\n{last}")
        found: dict[str, Any] = json.loads(result.read_text())
        return found


@contextmanager
def started(
    environment: Environment,
    module: str,
    *,
    variables: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Errand]:
    """Start a module in an environment; it has an empty home folder and no Airflow of its own, and ends with the block.

    Args:
        environment: where.
        module: its name, for example ``benchmarks.logs_ours``.
        variables: further environment variables.
        options: options of the interpreter.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        own = {"HOME": folder, "AIRFLOW_HOME": folder, _FOLDER: folder}
        log = Path(folder) / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [environment.python, *options, "-m", module],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment.variables(), **own, **(variables or {})},
                cwd=folder,
            )
        try:
            yield Errand(process, log)
        finally:
            process.kill()
            process.wait()


def run(environment: Environment, module: str, question: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Run a module, ask it and return what it answered; the other arguments are those of :func:`started`."""
    with started(environment, module, **options) as errand:
        errand.ask(question)
        return errand.answer()


def asked() -> dict[str, Any]:
    """Return what this process was asked; called when everything is imported."""
    (Path(os.environ[_FOLDER]) / _READY).touch()
    question: dict[str, Any] = json.load(sys.stdin)
    return question


def answer(**found: Any) -> None:
    """Answer the program that ran this process."""
    (Path(os.environ[_FOLDER]) / _RESULT).write_text(json.dumps(found))


def now() -> float:
    """Return seconds of a clock that all processes of this machine share and that never jumps."""
    return time.monotonic()
