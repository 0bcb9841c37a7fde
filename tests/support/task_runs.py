"""Runs of a training task with jobs of local PAI, without the workers that would have started them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.links import LINK_KEY
from airflow_provider_pai.model.training.arguments import read_spec
from airflow_provider_pai.model.training.owner_labels import readable
from airflow_provider_pai.model.training.ownership import JobOwner
from devtools.cluster import AirflowCluster
from devtools.runs import DagRun
from devtools.waits import PATIENCE, wait_for

CONNECTION = "pai_training"
IMAGE = "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04"
METRICS = [{"name": "learning_rate", "regex": "lr=([0-9.e-]+)"}]


class TaskRuns:
    """Runs of the task, each with its job, as workers and the triggerer leave them in Airflow's database."""

    def __init__(self, airflow: AirflowCluster, hook: PAITrainingHook, source: Path) -> None:
        self._airflow = airflow
        self._hook = hook
        self._source = source

    def start(self, state: str, **task: Any) -> DagRun:
        """Start a job for a run; the task instance is put into a state."""
        run = self._airflow.api.trigger("churn")
        asked = {
            "command": "python train.py",
            "source_dir": str(self._source),
            "environments": {"TASK": json.dumps(task)},
        }
        spec, problems = read_spec({**asked, "image_uri": IMAGE, "instance_type": "ecs.c6.large", "reports": True,
                                    "metric_definitions": METRICS, "base_job_name": "churn"})  # fmt: skip
        assert problems == []
        job, _ = self._hook.submit_or_adopt(spec, JobOwner("tests", "churn", run.run_id, "train"), "churn")
        self._store(run, state, self._hook.console_url(job.job_id))
        return run

    def status(self, run: DagRun) -> str:
        """Return the status of a run's job."""
        (job,) = self._hook.jobs({"airflow.run_id": readable(run.run_id)})
        return job.status

    def wait(self, run: DagRun, status: str) -> DagRun:
        """Wait until the job of a run has a status."""
        wait_for(lambda: self.status(run), lambda seen: seen == status, f"a job that is {status}")
        return run

    def _store(self, run: DagRun, state: str, link: str) -> None:
        store_task(self._airflow, run, state, link, {"pai_conn_id": CONNECTION, "instance_type": "ecs.c6.large"})


def store_task(airflow: AirflowCluster, run: DagRun, state: str, link: str, rendered: Mapping[str, object]) -> None:
    """Put what a worker leaves of the task ``train`` of a run into Airflow's database.

    Args:
        airflow: the Airflow.
        run: the run.
        state: of the task instance.
        link: to the job.
        rendered: the task's arguments as they were rendered.
    """
    place = (run.dag_id, run.run_id, "train", -1)
    with closing(sqlite3.connect(airflow.home.path / "airflow.db", timeout=PATIENCE)) as database, database:
        (dag_run,) = database.execute("SELECT id FROM dag_run WHERE run_id = ?", [run.run_id]).fetchone()
        database.execute(
            "UPDATE task_instance SET state = ?, try_number = 1, max_tries = 2 WHERE run_id = ?",
            [state, run.run_id],
        )
        database.execute(
            "INSERT INTO xcom (dag_run_id, key, value, timestamp, dag_id, run_id, task_id, map_index) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [dag_run, LINK_KEY, json.dumps(link), datetime.now(UTC).isoformat(sep=" "), *place],
        )
        database.execute(
            "INSERT INTO rendered_task_instance_fields (rendered_fields, dag_id, run_id, task_id, map_index) "
            "VALUES (?, ?, ?, ?, ?)",
            [json.dumps(dict(rendered)), *place],
        )
