"""The stage: one Airflow, several clouds, and the lives of tasks on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import list_training_jobs, stop_training_job
from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.status import JobSnapshot
from devtools.cluster import AirflowCluster
from devtools.rest import AirflowAPIError
from devtools.runs import DagRun, TaskInstance, TaskRef
from devtools.waits import wait_for

PATIENCE = 180.0
"""Seconds for what a busy machine may delay."""
STOP_SECONDS = 60.0
"""Within so many seconds a job must be stopped."""


@dataclass(frozen=True)
class Stage:
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

    def start(self, dag_id: str, first: str, later: str = "true", *, connection: str = "pai_default") -> Life:
        """Start a task.

        Args:
            dag_id: one of ``dags/lives.py``.
            first: what the job of its first try does, in a shell.
            later: what those of all later tries do.
            connection: which cloud.
        """
        self.airflow.api.wait_parsed(dag_id, timeout=PATIENCE)
        run = self.airflow.api.trigger(dag_id, {"first": first, "later": later, "connection": connection})
        return Life(self, run, self.clouds[connection])

    def swept(self, connection: str) -> list[dict[str, Any]]:
        """Let the janitor run, with the power to stop, and return what it found."""
        self.airflow.api.wait_parsed("janitor", timeout=PATIENCE)
        run = self.airflow.api.trigger("janitor", {"connection": connection})
        assert self.airflow.api.wait_run(run, timeout=PATIENCE).state == "success"
        return list(self.airflow.api.xcom(run.task("sweep")))


@dataclass(frozen=True)
class Life:
    """One task instance, through all of its tries, and its jobs."""

    stage: Stage
    run: DagRun
    cloud: LocalPAI

    @property
    def task(self) -> TaskRef:
        return self.run.task("train")

    @property
    def now(self) -> TaskInstance:
        return self.stage.airflow.api.task_instance(self.task)

    def wait(self, *states: str, try_number: int = 0, timeout: float = PATIENCE) -> TaskInstance:
        """Wait until the task is in one of these states."""
        return self.stage.airflow.api.wait_task(self.task, frozenset(states), try_number=try_number, timeout=timeout)

    def wait_end(self) -> str:
        """Wait until the run has ended and return how."""
        return self.stage.airflow.api.wait_run(self.run, timeout=PATIENCE).state

    def watched(self, try_number: int = 1) -> Life:
        """Wait until the job runs and somebody watches it: its output is in the task's log."""
        wait_for(
            lambda: self.log(try_number),
            lambda log: "begun" in log,
            f"the job's output in {self.run.run_id}",
            timeout=PATIENCE,
            interval=0.5,
        )
        return self

    def log(self, try_number: int = 1) -> str:
        """Return the task's log; empty before the try has begun."""
        try:
            return self.stage.airflow.api.log(self.task, try_number)
        except AirflowAPIError as error:
            if error.status == 404:
                return ""
            raise

    @property
    def jobs(self) -> list[JobSnapshot]:
        """The jobs of all tries, oldest first."""
        config = config_of(self.cloud)
        since = datetime.now(UTC) - timedelta(hours=12)
        page = PAIClient(config).send(
            list_training_jobs(config.workspace_id, start_time=since, labels={"airflow.run_id": self.run.run_id})
        )
        return list(reversed(page.jobs))

    @property
    def statuses(self) -> list[str]:
        """Statuses of the jobs, oldest first."""
        return [str(job.status) for job in self.jobs]

    def wait_statuses(self, *statuses: str, timeout: float = STOP_SECONDS) -> None:
        """Wait until the jobs, oldest first, are in these statuses."""
        expected = list(statuses)
        wait_for(lambda: self.statuses, lambda seen: seen == expected, f"jobs {expected}", timeout=timeout)

    def stop(self) -> None:
        """Stop all of its jobs, as a person does in PAI's console."""
        client = PAIClient(config_of(self.cloud))
        for job in self.jobs:
            client.send(stop_training_job(job.job_id))

    def result(self) -> Any:
        """Return the task's result."""
        return self.stage.airflow.api.xcom(self.task)

    def assert_succeeded_with(self, *statuses: str) -> None:
        """The run ends well, its jobs are in these statuses, and the result names the last one."""
        assert self.wait_end() == "success", self.now
        assert self.statuses == list(statuses)
        assert self.result()["job_id"] == self.jobs[-1].job_id
        assert self.jobs[-1].is_success


def config_of(cloud: LocalPAI) -> ClientConfig:
    """Return what a client of a cloud needs."""
    ready = cloud.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    return ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
