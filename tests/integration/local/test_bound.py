"""Files of this machine that stand in the place of buckets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import create_training_job, get_training_job
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import APIError, NotFoundError
from airflow_provider_pai.local.running.bound_storage import LocalFolder
from airflow_provider_pai.local.running.runtime_selection import ProcessHost, RuntimeKind, choose
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.request import create_body
from airflow_provider_pai.model.training.spec import TrainingJobSpec
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from airflow_provider_pai.model.uri import OssUri
from tests.support.local_runtime import LocalRuntimeHarness
from tests.support.machine import missing
from tests.support.waits import PATIENCE

LOOK = """
    cat $PAI_INPUT_TABLE; ls $PAI_INPUT_ALL
    echo x > $PAI_INPUT_TABLE; echo x > $PAI_INPUT_ALL/new
    cat $PAI_INPUT_TABLE > $PAI_OUTPUT_MODEL/copy
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "rows.csv").write_text("1,2\n")
    (tmp_path / "data" / "deep" / "more.csv").write_text("3,4\n")
    return tmp_path / "data"


@pytest.fixture(params=[*Mode, "docker"])
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., LocalRuntimeHarness]]:
    """A harness, in every way that jobs can be run."""
    harnesses: list[LocalRuntimeHarness] = []
    docker = request.getfixturevalue("docker") if request.param == "docker" else None

    def new(**options: Any) -> LocalRuntimeHarness:
        home = tmp_path / "home"
        kind = RuntimeKind.DOCKER if docker else RuntimeKind.PROCESS
        try:
            runtime = choose(
                kind, home, ProcessHost.of(home, tmp_path / "cache", None if docker else Mode(request.param))
            )
        except RuntimeError as error:
            missing(request.param, str(error))
        harnesses.append(LocalRuntimeHarness(home, runtime, **options))
        return harnesses[-1]

    yield new
    for harness in harnesses:
        harness.close()


def test_a_job_sees_files_and_folders_of_this_machine_and_can_not_change_them(
    build: Callable[..., LocalRuntimeHarness], data: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    places = {"a-file": data / "rows.csv", "a-folder": data, "an-output": tmp_path / "made" / "here"}
    harness = build(places={bucket: LocalFolder(path) for bucket, path in places.items()})
    mode = harness.workshop.runtime.mode
    image = request.getfixturevalue("docker").name if mode == "docker" else "registry/image:1"
    job = harness.run(
        LOOK,
        image=image,
        inputs={"table": "oss://a-file/rows.csv", "all": "oss://a-folder/"},
        outputs={"model": "oss://an-output/"},
    )
    assert job["Status"] == "Succeed", harness.log(job)
    assert harness.printed(job)[:3] == ["1,2", "deep", "rows.csv"]
    assert sorted(path.name for path in data.rglob("*")) == ["deep", "more.csv", "rows.csv"]
    assert (data / "rows.csv").read_text() == "1,2\n"
    copied = "x\n" if mode == Mode.PLAIN else "1,2\n"
    assert (tmp_path / "made" / "here" / "copy").read_text() == copied


# Who can ask for them -------------------------------------------------------------------------------------------------


def clients(pai: LocalPAI) -> tuple[PAIClient, ObjectStorage]:
    ready = pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
    return PAIClient(config), ObjectStorage(config)


def job(uri: str) -> TrainingJobSpec:
    return TrainingJobSpec("true", "ecs.c6.large", image_uri="a/b:1", job_name="job", inputs={"data": uri})


def test_no_request_can_read_what_is_bound(tmp_path: Path, data: Path) -> None:
    with LocalPAI(tmp_path / "home", places={"a-folder": LocalFolder(data)}) as pai:
        client, oss = clients(pai)
        with pytest.raises(NotFoundError, match="NoSuchBucket"):
            oss.read(OssUri("a-folder", "rows.csv"))
        assert client.send(create_training_job(create_body(job("oss://a-folder/"), pai.ready.workspace_id)))
        client.close()
        oss.close()


@pytest.mark.parametrize("uri", ["file:///etc/", "/etc/", "oss://a-folder/"])
def test_an_ordinary_server_reads_no_file_of_its_machine(pai: LocalPAI, uri: str) -> None:
    client, oss = clients(pai)
    with pytest.raises(APIError, match="InvalidParameter"):
        client.send(create_training_job(create_body(job(uri), pai.ready.workspace_id)))
    client.close()
    oss.close()


def test_a_folder_stands_in_for_a_file_system_that_jobs_read_and_write(tmp_path: Path, data: Path) -> None:
    with LocalPAI(tmp_path / "home", mounts={"nas://1a2b.cn-hangzhou/": data}) as pai:
        client, oss = clients(pai)
        spec = TrainingJobSpec(
            "cat $PAI_INPUT_DATA/more.csv > $PAI_OUTPUT_MODEL/copy",
            "ecs.c6.large",
            image_uri="a/b:1",
            job_name="job",
            inputs={"data": "nas://1a2b.cn-hangzhou/deep/"},
            outputs={"model": "nas://1a2b.cn-hangzhou/made/"},
        )
        job_id = client.send(create_training_job(create_body(spec, pai.ready.workspace_id)))
        deadline = time.monotonic() + PATIENCE
        while (found := client.send(get_training_job(job_id))).status not in TERMINAL_STATUSES:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (found.status, found.outputs) == ("Succeed", {"model": "nas://1a2b.cn-hangzhou/made/"})
        client.close()
        oss.close()
    assert (data / "made" / "copy").read_text() == "3,4\n"
