"""The harness: one Airflow, several clouds, and the runs of tasks on it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import list_training_jobs, stop_training_job
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import JobSnapshot
from devtools.cluster import AirflowCluster
from devtools.rest import AirflowAPIError
from devtools.runs import RUN_ENDED, DagRun, TaskInstance, TaskRef
from devtools.waits import wait_for
from tests.support.waits import PATIENCE

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Seconds between two looks at Airflow: its one API server also serves the tasks."""
GRACE = 15.0
"""Seconds in which a wrong stop would have come: a triggerer that wakes calls ``on_kill`` within one."""
SCHEDULER_THRESHOLD = 6.0
"""Seconds of silence after which a scheduler counts as dead, and one that starts takes its tasks over."""
TRIGGERER_THRESHOLD = 15.0
"""Seconds of silence after which another triggerer takes over."""


@dataclass(frozen=True)
class ClusterHarness:
    """What all fault tests share.

    Attributes:
        airflow: the cluster.
        clouds: each a local PAI, by the id of the Airflow connection to it.
        database: SQLAlchemy's URL of Airflow's metadata.
        secrets: secrets and tokens of all connections.
    """

    airflow: AirflowCluster
    clouds: Mapping[str, LocalPAI]
    database: str = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    def start(self, dag_id: str, first: str, later: str = "true", *, connection: str = "pai_default") -> TaskRun:
        """Start a task.

        Args:
            dag_id: one of ``dags/task_runs.py``.
            first: what the job of its first try does, in a shell.
            later: what those of all later tries do.
            connection: which cloud.
        """
        self.airflow.api.wait_parsed(dag_id, timeout=PATIENCE)
        run = self.airflow.api.trigger(dag_id, {"first": first, "later": later, "connection": connection})
        return TaskRun(self, run, self.clouds[connection])

    def new_gate(self) -> Path:
        """Return a file that is not there; see :func:`held`."""
        return self.airflow.home.path / f"gate-{secrets.token_hex(4)}"

    def swept(self, connection: str) -> list[dict[str, Any]]:
        """Let the janitor run, with the power to stop, and return what it found."""
        self.airflow.api.wait_parsed("janitor", timeout=PATIENCE)
        run = self.airflow.api.trigger("janitor", {"connection": connection})
        assert self.airflow.api.wait_run(run, timeout=PATIENCE).state == "success"
        return list(self.airflow.api.xcom(run.task("sweep")))


@dataclass(frozen=True)
class TaskRun:
    """One task instance, through all of its tries, and its jobs; ``map_index`` is -1 when it isn't mapped."""

    harness: ClusterHarness
    run: DagRun
    cloud: LocalPAI
    map_index: int = -1

    @property
    def task(self) -> TaskRef:
        return self.run.task("train", self.map_index)

    def mapped(self, count: int) -> list[TaskRun]:
        """Return the runs of the task's mapped instances."""
        return [replace(self, map_index=index) for index in range(count)]

    @property
    def now(self) -> TaskInstance:
        return self.harness.airflow.api.task_instance(self.task)

    def wait(self, *states: str, try_number: int = 0, timeout: float = PATIENCE) -> TaskInstance:
        """Wait until the task is in one of these states."""
        return wait_for(
            lambda: self.now,
            lambda seen: seen.state in states and seen.try_number >= try_number,
            f"task of {self.run.run_id} to be {' or '.join(states)}",
            timeout=timeout,
            interval=LOOK_SECONDS,
        )

    def wait_end(self) -> str:
        """Wait until the run has ended and return how."""
        return wait_for(
            lambda: self.harness.airflow.api.dag_run(self.run).state,
            RUN_ENDED.__contains__,
            f"the end of {self.run.run_id}",
            timeout=4 * PATIENCE,
            interval=LOOK_SECONDS,
        )

    def mark(self, state: str) -> None:
        """Mark the task, as a person does; one that has just come to this state by itself is left in it."""
        try:
            _insist(lambda: self.harness.airflow.api.set_state(self.task, state))
        except AirflowAPIError as error:
            if error.status != 409 or self.now.state != state:
                raise

    def mark_run(self, state: str) -> None:
        """Mark the whole run, as a person does."""
        _insist(lambda: self.harness.airflow.api.set_run_state(self.run, state))

    def clear(self) -> None:
        """Clear the task, as a person does."""
        _insist(lambda: self.harness.airflow.api.clear(self.task))

    def watched(self, try_number: int = 1) -> TaskRun:
        """Wait until the job runs and something watches it: its output is in the task's log."""
        return self.wait_logged("begun", try_number)

    def wait_logged(self, text: str, try_number: int = 1) -> TaskRun:
        """Wait until the task's log has a text."""
        wait_for(
            lambda: self.log(try_number),
            lambda log: text in log,
            f"{text!r} in the log of {self.run.run_id}",
            interval=LOOK_SECONDS,
        )
        return self

    def log(self, try_number: int = 1) -> str:
        """Return the task's log; empty before the try has begun."""
        try:
            return self.harness.airflow.api.log(self.task, try_number)
        except AirflowAPIError as error:
            if error.status == 404:
                return ""
            raise

    @property
    def jobs(self) -> list[JobSnapshot]:
        """The jobs of all tries, oldest first."""
        config = config_of(self.cloud)
        since = datetime.now(UTC) - timedelta(hours=12)
        labels = {"airflow.run_id": self.run.run_id, "airflow.map_index": str(self.map_index)}
        page = PAIClient(config).send(list_training_jobs(config.workspace_id, start_time=since, labels=labels))
        return list(reversed(page.items))

    @property
    def statuses(self) -> list[str]:
        """Statuses of the jobs, oldest first."""
        return [str(job.status) for job in self.jobs]

    def wait_statuses(self, *statuses: str, timeout: float = PATIENCE) -> None:
        """Wait until the jobs, oldest first, are in these statuses."""
        expected, begin = list(statuses), time.monotonic()
        wait_for(lambda: self.statuses, lambda seen: seen == expected, f"jobs {expected}", timeout=timeout)
        logger.info("%s: jobs %s after %.1f s", self.run.run_id, expected, time.monotonic() - begin)

    def wait_ended(self, timeout: float = PATIENCE) -> None:
        """Wait until all jobs have ended, in whatever way."""
        wait_for(lambda: [job.is_terminal for job in self.jobs], all, "the jobs to end", timeout=timeout)

    def stop(self) -> None:
        """Stop all of its jobs, as a person does in PAI's console."""
        client = PAIClient(config_of(self.cloud))
        for job in self.jobs:
            client.send(stop_training_job(job.job_id))

    def result(self) -> Any:
        """Return the task's result."""
        return self.harness.airflow.api.xcom(self.task)

    def assert_succeeded_with(self, *statuses: str) -> None:
        """The run ends well, its jobs are in these statuses, and the result names the last one."""
        assert self.wait_end() == "success", self.now
        assert self.statuses == list(statuses)
        assert self.result()["job_id"] == self.jobs[-1].job_id
        assert self.jobs[-1].is_success


def held(gate: Path) -> str:
    """Return what a job does until the gate is there."""
    return f"echo begun; until [ -e {gate} ]; do sleep 0.5; done"


def _insist(ask: Callable[[], None]) -> None:
    """Ask again after a refusal: 3.3.2 answers 500 when its database ends a deadlock with the scheduler."""
    for last in (False, False, True):
        try:
            ask()
        except AirflowAPIError as error:
            if last or error.status < 500:
                raise
            time.sleep(1)
        else:
            return


def config_of(cloud: LocalPAI) -> ClientConfig:
    """Return what a client of a cloud needs."""
    ready = cloud.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    return ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
