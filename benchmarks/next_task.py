"""From the end of a job to the start of the next task, on a real Airflow: deferred, with default settings."""

from __future__ import annotations

import json
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

from airflow_provider_pai.api.training import list_training_job_logs
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.transport.config import LOG_DELAY
from airflow_provider_pai.client.transport.http import PAIClient
from benchmarks.report import OURS, Report
from devtools.cluster import AirflowCluster
from devtools.local_pai import LocalServer
from devtools.processes import Processes

MOST = 2.5
"""The bar: seconds from a job's end to the start of the next task, median."""
SECONDS = (8.0, 8.7, 9.4, 10.1, 10.8)
"""How long the jobs take, one after the other: their ends fall into different moments between two looks."""
DAG_ID = "next_task"
_SETTINGS = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1"}
"""Airflow's own default; the demonstration and the tests have a shorter one."""


def run() -> Report:
    """Measure: about two minutes, one of which are starts and ends."""
    report = Report("next_task", "From a job's end to the start of the next task, on a real Airflow")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Processes() as processes:
        home = Path(folder)
        server = LocalServer(processes, home / "pai", log=home / "pai.log")
        dags, connection = Path(__file__).parent / "dags", {"AIRFLOW_CONN_PAI_DEFAULT": _connection(server)}
        with AirflowCluster(home / "airflow", dags, connection, settings=_SETTINGS) as cluster:
            cluster.api.wait_parsed(DAG_ID)
            delays = [_measure(cluster, server, seconds) for seconds in SECONDS]
    case = f"{len(SECONDS)} deferred jobs of {min(SECONDS):g} to {max(SECONDS):g} s"
    report.add(case, "end to the next task's start, median", OURS, statistics.median(delays), "s", bar=MOST)
    report.add(case, "end to the next task's start, worst", OURS, max(delays), "s")
    report.notes += [
        "One run after the other. The job prints when it ends; when the next task starts Airflow says.",
        "Settings are the defaults of Airflow and of this provider, as for the cloud: the end of a log may come late.",
    ]
    return report


def _connection(server: LocalServer) -> str:
    """Return a connection that takes local PAI for the cloud: the log may grow after a job's end."""
    ready = server.ready
    extra = {"region_id": ready["region_id"], "workspace_id": ready["workspace_id"], "endpoint": ready["api"]}
    extra |= {"oss_endpoint": ready["oss"], "bucket": ready["bucket"], "log_delay": str(LOG_DELAY)}
    keys = {"login": ready["access_key_id"], "password": ready["access_key_secret"]}
    return json.dumps({"conn_type": "pai", **keys, "extra": extra})


def _measure(cluster: AirflowCluster, server: LocalServer, seconds: float) -> float:
    """Return the seconds from a job's end to the start of the task after it."""
    run = cluster.api.wait_run(cluster.api.trigger(DAG_ID, {"seconds": seconds}))
    if run.state != "success":
        raise RuntimeError(f"run {run.run_id} is {run.state}:\n{cluster.api.log(run.task('train'))}")
    started = cluster.api.task_instance(run.task("next")).start_date
    job_id = cluster.api.xcom(run.task("train"))["job_id"]
    client = PAIClient(server.config, keys=credentials_provider(server.config.credentials))
    lines = client.send(list_training_job_logs(job_id)).lines
    client.close()
    ended = next(float(line.split()[1]) for line in lines if line.startswith("ended "))
    return datetime.fromisoformat(str(started)).timestamp() - ended
