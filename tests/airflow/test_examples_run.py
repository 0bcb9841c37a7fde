"""Examples on Airflow 2.11, run to their end as ``dag.test()`` does; on Airflow 3 ``tests/dags`` runs all of them.

``deploy_on_new_model`` needs a scheduler, which starts it when another DAG has made a model.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.testing.local_pai import PAITestServer

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "example_dags"
ALONE = (
    "function_as_job",
    "local_mode",
    "retrain_daily",
    "taskflow",
    "temporary_service",
    "train_evaluate",
    "tune",
    "wait_elsewhere",
)
TIMEOUT = 600


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    cache = REPOSITORY / ".demo" / "cache" / "environments"
    with LocalPAI(tmp_path_factory.mktemp("pai"), cache=cache) as pai:
        yield pai


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples where a test may write beside them."""
    return Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("dags") / "examples"))


@pytest.mark.parametrize("name", ALONE)
def test_an_example_runs_to_its_end(name: str, cloud: LocalPAI, dags: Path) -> None:
    run = PAITestServer(cloud, "pai_default").run_dag(dags / f"{name}.py", name, timeout=TIMEOUT)
    assert run.state == "success", run.output[-6000:]
    assert set(run.states.values()) <= {"success", "skipped"}


def test_a_model_is_released_when_a_person_has_approved_it(cloud: LocalPAI, dags: Path) -> None:
    with approving(cloud, "breast_cancer"):
        run = PAITestServer(cloud, "pai_default").run_dag(dags / "release_model.py", "release_model", timeout=TIMEOUT)
    assert run.state == "success", run.output[-6000:]
    assert run.states["deploy"] == "success"


@contextmanager
def approving(cloud: LocalPAI, model_name: str) -> Iterator[None]:
    """Approve each version of a model as soon as it waits for that."""
    ready, over = cloud.ready, threading.Event()
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
    client = PAIClient(config)
    registry = ModelRegistry(client, config.workspace_id, logging.getLogger(__name__))

    def approve() -> None:
        while not over.is_set():
            time.sleep(1)
            model = registry.find(model_name)
            if model and (version := registry.newest(model, "Pending")):
                registry.decide(model, version.name, "Approved", by="a person")

    person = threading.Thread(target=approve)
    person.start()
    try:
        yield
    finally:
        over.set()
        person.join()
        client.close()
