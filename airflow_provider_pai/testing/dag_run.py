"""A run of a DAG in a process and an Airflow home of its own, and what it left."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

_SHOWN_LINES = 150
"""The traceback of a failed task is long, and what its job printed comes before it."""
_CHILD = "airflow_provider_pai.testing.dag_process"


class DagRunError(AssertionError):
    """The DAG could not be run at all."""


@dataclass(frozen=True)
class DagRunResult:
    """A run that has ended.

    Attributes:
        state: ``success`` or ``failed``.
        states: state of each task; a mapped one is ``task_id[0]``, ``task_id[1]``, ...
        xcoms: XComs by task, named the same way, and key.
        output: all that was printed and logged.
    """

    state: str
    states: Mapping[str, str | None]
    xcoms: Mapping[str, Mapping[str, Any]]
    output: str = field(repr=False)

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom of a task.

        Raises:
            KeyError: the task has pushed no such XCom; the message has the keys that there are.
        """
        found = self.xcoms.get(task_id, {})
        if key not in found:
            raise KeyError(f"task {task_id!r} has no XCom {key!r}; it has {sorted(found)}")
        return found[key]


def run_dag(
    file: Path, dag_id: str | None, conf: Mapping[str, Any], env: Mapping[str, str], timeout: float
) -> DagRunResult:
    """Run a DAG to its end.

    Raises:
        DagRunError: the file has import errors or no such DAG, or the process did not end in time.
    """
    if not file.is_file():
        raise DagRunError(f"there is no DAG file {file}")
    with tempfile.TemporaryDirectory(prefix="airflow-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        environment = _environment(home, file.resolve().parent, env)
        _prepare_database(home, environment)
        answer = home / "answer.json"
        asked = json.dumps({"file": str(file.resolve()), "dag_id": dag_id, "conf": dict(conf), "answer": str(answer)})
        try:
            done = subprocess.run(
                [sys.executable, "-m", _CHILD, asked],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            output = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
            raise DagRunError(f"the run of {file.name} took over {timeout:g} s\n{_end(output)}") from None
        if not answer.exists():
            raise DagRunError(f"{file.name} could not be run\n{_end(done.stdout)}")
        result = DagRunResult(output=done.stdout, **json.loads(answer.read_text()))
        if result.state != "success":
            # Captured by pytest, and shown with a test that fails: an assertion about the state alone has no reason.
            print(f"{file.name}: {result.state}, tasks {dict(result.states)}\n{_end(result.output)}")
        return result


def _environment(home: Path, dags: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the process's environment: this one's, with nothing that configures Airflow but what was given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW__", "ALIBABA_CLOUD_")) and name not in ("AIRFLOW_HOME", "AIRFLOW_CONFIG")
    }
    paths = [str(dags), *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        # What is an error in the tests is none in Airflow's own process.
        "PYTHONWARNINGS": "ignore",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **env,
    }


def _prepare_database(home: Path, environment: Mapping[str, str]) -> None:
    """Copy a migrated database, which is made once for each version of Airflow and user."""
    name = "apache-airflow-core" if _is_installed("apache-airflow-core") else "apache-airflow"
    folder = shared_folder()
    template = folder / f"{name}-{version(name)}.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=dict(environment),
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise DagRunError(f"airflow db migrate failed\n{_end(done.stdout + done.stderr)}")
            shutil.move(home / "airflow.db", template.with_suffix(".new"))
            template.with_suffix(".new").rename(template)
    shutil.copy(template, home / "airflow.db")


def shared_folder() -> Path:
    """Return the folder that all test runs of this user share: what takes long to make and never differs.

    Raises:
        DagRunError: the folder belongs to another user.
    """
    folder = Path(tempfile.gettempdir()) / f"airflow-provider-pai-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise DagRunError(f"{folder} belongs to another user")
    return folder


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _end(output: str) -> str:
    return "\n".join(output.splitlines()[-_SHOWN_LINES:])
