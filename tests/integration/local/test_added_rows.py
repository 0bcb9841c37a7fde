"""What users add to local PAI's services: kept over restarts, forgotten by a reset."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api import training
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import NotFoundError
from airflow_provider_pai.local.catalogs.record_store import sort_rows
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.local.jobs.quota_usage import Amount, Quota
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.resources import InstanceSpec
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.waits import PATIENCE

SMALL = Quota("quotasmall", "small", Amount(cpu=2, memory_gib=2))
DATASET = {"Name": "rows", "DataSourceType": "OSS", "Property": "DIRECTORY", "Uri": "oss://pai-local/rows/"}


def test_rows_are_sorted_as_asked_and_equal_ones_by_age() -> None:
    rows = [{"Id": name, "Time": time} for name, time in (("a", "2"), ("b", "1"), ("c", "2"))]

    def ids(query: Mapping[str, str], **options: bool) -> str:
        return "".join(each["Id"] for each in sort_rows(rows, query, ("Time", "Id"), **options))

    assert ids({}) == "bac"
    assert ids({"Order": "desc"}) == ids({}, newest_first=True) == "cab"
    assert ids({"SortBy": "Id", "Order": "DESC"}) == "cba"
    with pytest.raises(ErrorResponse, match="SortBy is invalid"):
        ids({"SortBy": "Color"})


# Over restarts --------------------------------------------------------------------------------------------------------


@contextmanager
def serving(home: Path, **options: Any) -> Iterator[tuple[LocalPAI, PAIClient]]:
    with LocalPAI(home, sandbox=Mode.PLAIN, slots=4, **options) as server:
        ready = server.ready
        keys = KeyPair(ready.access_key_id, ready.access_key_secret)
        client = PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, ready.api, ready.oss, attempts=1))
        try:
            yield server, client
        finally:
            client.close()


def ask(client: PAIClient, action: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    return client.send(Call(AI_WORKSPACE, action, method, f"/api/v1/{path}", dict, body=body))


def create(client: PAIClient, command: str = "true", **members: Any) -> str:
    spec = TrainingJobSpec(command, image_uri="team/image:1", job_name="job", **members)
    return client.send(training.create_training_job(create_body(spec, client.config.workspace_id)))


def ended(client: PAIClient, job_id: str, *statuses: str) -> JobSnapshot:
    deadline = time.monotonic() + PATIENCE
    while not (job := client.send(training.get_training_job(job_id))).is_terminal and job.status not in statuses:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return job


def test_datasets_and_experiments_are_there_after_the_next_start(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        dataset = ask(client, "CreateDataset", "POST", "datasets", DATASET)["DatasetId"]
        body = {"Name": "group", "WorkspaceId": server.ready.workspace_id, "ArtifactUri": "oss://pai-local/a/"}
        experiment = ask(client, "CreateExperiment", "POST", "experiments", body)["ExperimentId"]
    with serving(tmp_path) as (_, client):
        found = ask(client, "GetDataset", "GET", f"datasets/{dataset}")
        assert (found["Name"], found["Uri"]) == ("rows", "oss://pai-local/rows/")
        found = ask(client, "GetExperiment", "GET", f"experiments/{experiment}")
        assert found["TensorboardLogUri"] == "oss://pai-local/a/tensorboard/"


def test_a_reset_forgets_datasets_and_experiments(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client):
        dataset = ask(client, "CreateDataset", "POST", "datasets", DATASET)["DatasetId"]
        server.reset()
        with pytest.raises(NotFoundError):
            ask(client, "GetDataset", "GET", f"datasets/{dataset}")
        assert ask(client, "CreateDataset", "POST", "datasets", DATASET)["DatasetId"] != dataset


def test_jobs_that_wait_for_their_share_wait_over_a_restart_and_end_when_it_is_gone(tmp_path: Path) -> None:
    def share(cpu: str) -> dict[str, Any]:
        return {"resource_id": SMALL.quota_id, "instance_spec": InstanceSpec(cpu, "1")}

    with serving(tmp_path, quota=SMALL) as (_, client):
        running = create(client, "sleep 600", **share("2"))
        ended(client, running, "Running")
        small, large = create(client, **share("1")), create(client, **share("2"))
    with serving(tmp_path, quota=Quota(SMALL.quota_id, "smaller", Amount(cpu=1, memory_gib=2))) as (_, client):
        jobs = [ended(client, job_id) for job_id in (running, small, large)]
    assert [(job.status, job.reason_code) for job in jobs] == [
        ("Failed", "LocalServerStopped"),
        ("Succeed", "TrainingJobSucceed"),
        ("InitializeFailed", "ResourceAllocateFailed"),
    ]
