"""Passes of a loop share dag, run, task and map index; each has jobs of its own all the same."""

from __future__ import annotations

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
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.testing.dag_run import run_dag
from devtools.cluster import AirflowCluster
from devtools.runs import TaskRef
from tests.support.tab_client import TabClient

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


@pytest.fixture(scope="module")
def cluster(cloud: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    env = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
    with AirflowCluster(tmp_path_factory.mktemp("airflow"), DAGS, env, timeout=300) as airflow:
        yield airflow


def test_in_a_real_airflow_a_pass_never_adopts_the_job_of_another_one(cluster: AirflowCluster, cloud: LocalPAI) -> None:
    for name in ("sync", "deferred"):
        dag_id = f"passes_{name}"
        before = len(jobs_of(cloud, dag_id))
        cluster.api.wait_parsed(dag_id, timeout=180)
        run = cluster.api.wait_run(cluster.api.trigger(dag_id), timeout=300)
        assert run.state == "success"
        jobs = jobs_of(cloud, dag_id)[before:]
        assert_each_pass_has_its_own(jobs, cluster.api.xcom(run.task("job_ids")))
        assert_the_tab_tells_the_passes_apart(TabClient(cluster.url), run.task("each.train"), jobs)


def assert_the_tab_tells_the_passes_apart(tab: TabClient, task: TaskRef, jobs: list[JobSnapshot]) -> None:
    """Each pass shows its own job, and those before it as earlier runs; the newest is shown where none is asked for."""
    last = {job.labels["airflow.region_index"]: job for job in jobs}
    newest = tab.state(task)
    assert newest["job"]["id"] == last["2"].job_id
    shown = newest["task"]["iterations"]
    assert [(each["number"], each["state"], each["is_shown"]) for each in shown] == [
        (0, "success", False),
        (1, "success", False),
        (2, "success", True),
    ]
    for each in shown:
        place = {"region_id": each["region_id"], "region_index": str(each["region_index"])}
        seen = tab.state(task, **place)
        assert seen["job"]["id"] == last[str(each["number"])].job_id
        assert [item["number"] for item in seen["task"]["iterations"] if item["is_shown"]] == [each["number"]]
        assert len(seen["earlier"]) == each["number"]
        assert seen["task"]["tries"] == f"Try {2 if each['number'] == 1 else 1} of 3"
    assert tab.get("state", task, region_id="no such loop", region_index="0").status_code == 404


def test_the_tab_shows_each_mapped_tasks_own_job(cluster: AirflowCluster, cloud: LocalPAI) -> None:
    cluster.api.wait_parsed("mapped", timeout=180)
    run = cluster.api.wait_run(cluster.api.trigger("mapped"), timeout=300)
    assert run.state == "success"
    ids = {job.labels["airflow.map_index"]: job.job_id for job in jobs_of(cloud, "mapped")}
    for index in range(2):
        seen = TabClient(cluster.url).state(run.task("train", index))
        assert seen["job"]["id"] == ids[str(index)]
        assert (seen["task"]["note"], seen["task"]["iterations"]) == ("", [])
