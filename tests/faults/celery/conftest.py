"""One Airflow with the CeleryExecutor, Redis, and two workers that share nothing but the DAG files."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from devtools.cluster import AirflowCluster
from devtools.postgres import PostgreSQL, find_programs
from devtools.processes import Child, Processes
from devtools.redis import Redis
from devtools.runs import DagRun
from devtools.waits import wait_for
from tests.faults.cluster import ClusterHarness
from tests.faults.conftest import SETTINGS
from tests.support.machine import missing

FAULTS = Path(__file__).parents[1]
EXAMPLES = Path(__file__).parents[3] / "example_dags"
NAMES = ("worker-1", "worker-2")


@dataclass(frozen=True)
class CeleryHarness(ClusterHarness):
    """The harness of the fault tests, and the workers.

    Attributes:
        folder: a folder for each worker, with all that it writes.
        processes: starts and ends them.
        workers: those that run, by name.
    """

    folder: Path
    processes: Processes = field(repr=False)
    workers: dict[str, Child] = field(default_factory=dict)

    def start_worker(self, name: str) -> None:
        """Start a worker with a home of its own, and wait until it takes tasks."""
        home = self.folder / name
        shutil.rmtree(home, ignore_errors=True)
        environment = dict(self.airflow.environment) | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            # Nothing but its own folder: what another worker has written there is not seen.
            "TMPDIR": str(home / "tmp"),
        }
        (home / "tmp").mkdir(parents=True)
        (home / "code").mkdir()
        (home / "code" / "report.py").write_text(f"print('worker={name[-1]}')\n")
        command = [sys.executable, "-m", "airflow", "celery", "worker", "--concurrency", "2", "--skip-serve-logs"]
        command += [
            "--without-mingle",
            "--without-gossip",
            "--celery-hostname",
            f"{name}@%h",
            "--pid",
            str(home / "pid"),
        ]
        self.workers[name] = self.processes.start(name, command, log=home / "log", env=environment, cwd=home)
        wait_for(lambda: "ready." in self.workers[name].log.read_text(), bool, f"{name} to be ready")

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Kill a worker with all that runs on it, as the loss of its machine does; start it again afterwards."""
        worker = self.workers[name]
        worker.send(signal.SIGKILL)
        wait_for(worker.members, lambda members: not members, f"the end of {name}")
        try:
            yield
        finally:
            self.start_worker(name)

    def worker_of(self, run: DagRun, try_number: int = 1) -> str:
        """Return the name of the worker that has begun a try of a run's task ``train``."""
        pattern = f"*{run.run_id}/task_id=train/attempt={try_number}.log"
        return wait_for(
            lambda: [name for name in NAMES if any((self.folder / name / "logs").rglob(pattern))],
            bool,
            f"a worker to begin try {try_number} of {run.run_id}",
        )[0]


@pytest.fixture(scope="package")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryHarness]:
    """Everything, started once."""
    if find_spec("celery") is None:
        missing("celery", "the provider for Celery is not installed here; run: make celery")
    if shutil.which("redis-server") is None:
        missing("redis", "no Redis server here; Debian's package is redis-server")
    if find_programs() is None:
        missing("postgresql", "no PostgreSQL server here; Debian's package is postgresql")
    with ExitStack() as stack:
        cloud = stack.enter_context(LocalPAI(tmp_path_factory.mktemp("pai"), slots=10, sandbox=Mode.PLAIN))
        database, broker = stack.enter_context(PostgreSQL()), stack.enter_context(Redis())
        dags = tmp_path_factory.mktemp("dags")
        shutil.copytree(EXAMPLES, dags, dirs_exist_ok=True)
        shutil.copytree(FAULTS / "dags", dags, dirs_exist_ok=True)
        shutil.copytree(Path(__file__).parent / "dags", dags, dirs_exist_ok=True)
        settings = SETTINGS | {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker.url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database.url}",
        }
        connection = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
        home = tmp_path_factory.mktemp("airflow")
        cluster = AirflowCluster(home, dags, connection, settings=settings, sql_alchemy_conn=database.url, timeout=300)
        stack.enter_context(cluster)
        processes = stack.enter_context(Processes())
        secrets = frozenset({cloud.ready.access_key_secret})
        folder = tmp_path_factory.mktemp("workers")
        harness = CeleryHarness(cluster, {"pai_default": cloud}, database.url, secrets, folder, processes)
        for name in NAMES:
            harness.start_worker(name)
        yield harness
