"""Passes of a loop share dag, run, task and map index; each still has jobs of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import get_training_job, list_training_jobs
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import JobSnapshot, JobStatus
from airflow_provider_pai.testing.dag_run import run_dag
from devtools.cluster import AirflowCluster
from devtools.waits import wait_for

DAGS = Path(__file__).parent / "dags"
EXAMPLE = Path(__file__).resolve().parents[2] / "example_dags" / "train_until_good.py"


def jobs_of(cloud: LocalPAI, dag_id: str) -> list[JobSnapshot]:
    """Return the jobs of a DAG, oldest first."""
    ready = cloud.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    client = PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api))
    since = datetime.now(UTC) - timedelta(hours=1)
    page = client.send(list_training_jobs(ready.workspace_id, start_time=since, labels={"airflow.dag_id": dag_id}))
    # A list does not tell metrics.
    jobs = [client.send(get_training_job(job.job_id)) for job in reversed(page.items)]
    client.close()
    return jobs


def assert_each_pass_has_its_own(jobs: list[JobSnapshot], job_ids: Any) -> None:
    """The first try of the second pass fails; its retry submits a new job and adopts no other pass's."""
    assert [job.status for job in jobs] == ["Succeed", "Failed", "Succeed", "Succeed"]
    assert [job.labels["airflow.region_index"] for job in jobs] == ["0", "1", "1", "2"]
    assert job_ids == [job.job_id for job in jobs if job.is_success]


@pytest.mark.parametrize("name", ["sync", "deferred"])
def test_in_dag_test_a_pass_never_adopts_the_job_of_another_one(cloud: LocalPAI, name: str) -> None:
    before = len(jobs_of(cloud, f"passes_{name}"))
    env = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
    result = run_dag(DAGS / "passes.py", f"passes_{name}", {}, env, 240)
    assert result.state == "success", result.output[-5000:]
    assert_each_pass_has_its_own(jobs_of(cloud, f"passes_{name}")[before:], result.xcom("job_ids"))


def test_the_example_trains_until_the_model_is_good(cloud: LocalPAI) -> None:
    env = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
    result = run_dag(EXAMPLE, "train_until_good", {}, env, 300)
    assert result.state == "success", result.output[-5000:]
    jobs = jobs_of(cloud, "train_until_good")
    accuracies = [job.metrics["validation_accuracy"] for job in jobs]
    assert 1 < len(jobs) <= 5
    assert accuracies[-1] >= 0.96 > max(accuracies[:-1])
    assert result.xcom("last_model") == jobs[-1].outputs["model"]
    assert result.xcom("evaluate") > 0.9


@pytest.fixture
def cluster(cloud: LocalPAI, tmp_path: Path) -> Iterator[AirflowCluster]:
    env = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri, "PASSES_FOLDER": str(tmp_path)}
    with AirflowCluster(tmp_path / "airflow", DAGS, env, timeout=300) as airflow:
        yield airflow


def kill_process(cluster: AirflowCluster, dag_id: str) -> None:
    """End the process of the second pass's task; its retry is a process of its own."""
    os.kill(int((cluster.home.path.parent / f"{dag_id}-1-1").read_text()), signal.SIGKILL)


def kill_triggerer(cluster: AirflowCluster, _: str) -> None:
    """End the triggerer that waits for the second pass's job; another one takes the wait over."""
    cluster.kill("triggerer")
    cluster.start_component("triggerer")
    cluster.wait_ready("triggerer")


def test_in_a_real_airflow_a_pass_never_adopts_the_job_of_another_one(cluster: AirflowCluster, cloud: LocalPAI) -> None:
    for name in ("sync", "deferred"):
        dag_id = f"passes_{name}"
        before = len(jobs_of(cloud, dag_id))
        cluster.api.wait_parsed(dag_id, timeout=180)
        run = cluster.api.wait_run(cluster.api.trigger(dag_id), timeout=300)
        assert run.state == "success"
        assert_each_pass_has_its_own(jobs_of(cloud, dag_id)[before:], cluster.api.xcom(run.task("job_ids")))
    for dag_id, kill in {"killed_sync": kill_process, "killed_deferred": kill_triggerer}.items():
        cluster.api.wait_parsed(dag_id, timeout=180)
        started = cluster.api.trigger(dag_id)
        wait_for(lambda name=dag_id: jobs_of(cloud, name), second_runs, "the second pass's job", timeout=180)
        kill(cluster, dag_id)
        run = cluster.api.wait_run(started, timeout=300)
        assert run.state == "success"
        jobs = jobs_of(cloud, dag_id)
        assert [(job.labels["airflow.region_index"], job.status) for job in jobs] == [
            ("0", "Succeed"), ("1", "Succeed"), ("2", "Succeed"),
        ], "the pass that was killed adopts its own job"  # fmt: skip
        assert cluster.api.xcom(run.task("job_ids")) == [job.job_id for job in jobs]
    assert (cluster.home.path.parent / "killed_sync-1-2").exists(), "it was a second try"


def second_runs(jobs: list[JobSnapshot]) -> bool:
    return len(jobs) == 2 and jobs[1].status == JobStatus.RUNNING
