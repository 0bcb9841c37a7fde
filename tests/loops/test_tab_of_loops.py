"""The Training tab on Airflow 3.4, whose tables have another layout: iterations of a loop, and mapped tasks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_pai.local.server import LocalPAI
from devtools.cluster import AirflowCluster
from tests.loops.test_loops import DAGS, jobs_of
from tests.support.tab_client import TabClient


@pytest.fixture(scope="module")
def cluster(cloud: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    env = {"AIRFLOW_CONN_PAI_DEFAULT": cloud.ready.airflow_conn_uri}
    with AirflowCluster(tmp_path_factory.mktemp("airflow"), DAGS, env, timeout=300) as airflow:
        yield airflow


def test_the_tab_shows_each_iteration_of_a_loop_with_its_own_job(cluster: AirflowCluster, cloud: LocalPAI) -> None:
    """Each shows its own job, and those before it as earlier runs; the newest is shown where none is asked for."""
    before = len(jobs_of(cloud, "passes_deferred"))
    cluster.api.wait_parsed("passes_deferred", timeout=180)
    run = cluster.api.wait_run(cluster.api.trigger("passes_deferred"), timeout=300)
    assert run.state == "success"
    tab, task = TabClient(cluster.url), run.task("each.train")
    last = {job.labels["airflow.region_index"]: job for job in jobs_of(cloud, "passes_deferred")[before:]}
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
