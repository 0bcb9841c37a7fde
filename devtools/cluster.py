"""A real Airflow on this machine: API server, scheduler, DAG processor and triggerer, as processes.

::

    with AirflowCluster(home, dags_folder, env={"AIRFLOW_CONN_PAI_DEFAULT": uri}) as cluster:
        cluster.api.wait_parsed("train")
        run = cluster.api.wait_run(cluster.api.trigger("train"))
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from devtools import waits
from devtools.airflow_home import AirflowHome
from devtools.processes import HOST, Child, Processes, free_ports
from devtools.rest import AirflowAPI
from devtools.sessions import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")

_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
# The log servers listen on every address of the machine; here all components share one disk and need none.
_OPTIONS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}
_LOOK = 0.1
# Airflow 3.3's triggerer at times waits ten seconds for a runner that is gone, and the API server takes four to leave
# after its last answer. Neither has anything to lose then.
_SHORT_PATIENCE = 3.0


class ClusterError(RuntimeError):
    """A component died or did not get ready in time; with the end of its log."""


class AirflowCluster:
    """A context manager: inside of it Airflow is ready, after it none of its processes is alive.

    Args:
        home: folder of everything Airflow keeps (see :class:`AirflowHome`); the components' output is in
            ``<home>/logs/<component>.log``.
        dags_folder: where the DAG files are.
        env: variables for every component, such as ``AIRFLOW_CONN_*``.
        template_dir: folder that keeps a migrated database for the next start; None keeps none.
        settings: ``AIRFLOW__SECTION__KEY`` variables, for instance shorter intervals.
        sql_alchemy_conn: URL of the metadata database; SQLite in ``home`` by default, which is good enough for
            one scheduler and one triggerer.
        components: names to start. A kind of component, or a kind with a suffix for one more: ``triggerer-2``.
        timeout: seconds that the components may take to get ready.
        patience: seconds that the components have to end in order; 0 where nothing of them is needed any more.
        login: name and password of an admin, where ``settings`` don't leave everybody one.

    Raises:
        ClusterError: on entering, when a component doesn't get ready.
        DatabaseError: on entering, when the database can't be migrated.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        env: Mapping[str, str] | None = None,
        *,
        template_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        sql_alchemy_conn: str | None = None,
        components: Sequence[str] = COMPONENTS,
        timeout: float = 2 * waits.PATIENCE,
        patience: float = PATIENCE,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.home = AirflowHome(home, dags_folder, env or {}, settings or {}, sql_alchemy_conn)
        self._api_port, *log_ports = free_ports(3)
        self._log_ports = (log_ports[0], log_ports[1])
        self.api = AirflowAPI(f"http://{HOST}:{self._api_port}", login=login)
        self.children: dict[str, Child] = {}
        self._environment: Mapping[str, str] = {}
        self._template_dir = template_dir
        self._components = tuple(components)
        self._timeout = timeout
        self._patience = patience
        self._started: dict[str, datetime] = {}
        self._jobs: dict[str, int] = {}
        self._processes = Processes()
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where the API server and the user interface are."""
        return self.api.url

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of its components, for others that are started beside them."""
        return self._environment

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(closing(self.api))
            stack.enter_context(self._processes)
            self._environment = self.home.environment(self._api_port, self._log_ports)
            self.home.prepare_database(self._environment, self._template_dir)
            for name in self._components:
                self.start_component(name)
            self.wait_ready(*self._components)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # Tasks go first, with their scheduler: they report their last states to the API server, and without it they
        # would try again for seconds.
        with self._stack:
            schedulers = [child for name, child in self.children.items() if _kind(name) == "scheduler"]
            others = [child for child in self.children.values() if child not in schedulers]
            self._processes.end(*schedulers, patience=self._patience)
            self._processes.end(*others, patience=min(_SHORT_PATIENCE, self._patience))

    def job_id(self, name: str) -> int:
        """Return the id of a component's job, which tells one triggerer from another; it must have got ready.

        Of two of a kind that were started at the same time it may be the other's: start one after the other.
        """
        return self._jobs[name]

    def run(self, *arguments: str) -> None:
        """Run a command of Airflow's, such as ``("dags", "reserialize")``.

        Raises:
            ClusterError: it failed; with the end of its output.
        """
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=dict(self._environment), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")

    def start_component(self, name: str) -> Child:
        """Start a component, again or one more; :meth:`wait_ready` waits for it.

        Args:
            name: as in ``components``; it must not be running.

        Raises:
            ValueError: there is no such kind of component, or it is running.
        """
        kind = _kind(name)
        if name in self.children:
            raise ValueError(f"{name} is running")
        self._jobs.pop(name, None)
        self._started[name] = datetime.now(UTC)
        self.children[name] = self._processes.start(
            name,
            [sys.executable, "-m", "airflow", kind, *_OPTIONS.get(kind, [])],
            log=self.home.logs / f"{name}.log",
            env=self._environment,
            cwd=self.home.path,
        )
        return self.children[name]

    def stop_component(self, name: str) -> None:
        """End a component as an administrator does: SIGTERM, and SIGKILL after ten seconds."""
        self._processes.end(self.children.pop(name))

    def kill(self, name: str) -> None:
        """End a component, all processes of its session included, with SIGKILL: as if its machine were gone."""
        self._processes.end(self.children.pop(name), patience=0)

    def wait_ready(self, *names: str) -> None:
        """Wait until these components work: the API server answers, the others beat.

        Raises:
            ClusterError: one has died, or isn't ready in time; it names the component and shows the end of its log.
        """
        deadline = time.monotonic() + self._timeout
        waiting = list(names)
        while waiting := [name for name in waiting if not self._is_ready(name)]:
            for name in names:
                if not self.children[name].alive:
                    raise ClusterError(self._trouble(name, f"ended with exit code {self.children[name].returncode}"))
            if time.monotonic() >= deadline:
                raise ClusterError(
                    "\n".join(self._trouble(name, f"isn't ready after {self._timeout:g} s") for name in waiting)
                )
            time.sleep(_LOOK)

    def _is_ready(self, name: str) -> bool:
        """Whether the component has a live job of its own; those of earlier processes are older, or taken."""
        if not self.api.is_up():
            return False
        kind = _kind(name)
        if kind in _JOB_TYPES and name not in self._jobs:
            jobs = self.api.live_jobs(_JOB_TYPES[kind], self._started[name])
            free = [job for job in jobs if job not in self._jobs.values()]
            if not free:
                return False
            self._jobs[name] = free[0]
        return True

    def _trouble(self, name: str, what: str) -> str:
        child = self.children[name]
        return f"{name} {what}; the end of {child.log}:\n{child.log_tail()}"


def _kind(name: str) -> str:
    for kind in COMPONENTS:
        if name == kind or name.startswith(f"{kind}-"):
            return kind
    raise ValueError(f"no component of Airflow: {name}; there are {', '.join(COMPONENTS)}")
