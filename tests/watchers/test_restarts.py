"""Watchers over restarts of a real triggerer that is killed: nothing is lost, and what is labelled never comes again.

``WATCHER_ROUNDS`` says how often it is killed, ``WATCHER_SEED`` repeats a run.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import create_training_job, get_training_job
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.version import APPROVED, RegisteredModel
from devtools.cluster import AirflowCluster
from devtools.rest import AirflowAPIError
from devtools.waits import wait_for
from tests.support.waits import PATIENCE

pytestmark = pytest.mark.cluster

KILLS = int(os.environ.get("WATCHER_ROUNDS", "4"))
SEED = os.environ.get("WATCHER_SEED", "0")
DAGS = Path(__file__).parent / "dags"
SETTINGS = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
}
ANNOUNCED = "airflow.announced"
LONGEST = 6.0
"""Seconds after a change within which the triggerer is killed: the change is seen within 1 s, stored within 3 s."""


class Cloud:
    """A cloud with one watched model, and jobs of one project.

    Attributes:
        things: names of versions and ids of jobs that must be announced.
    """

    def __init__(self, pai: LocalPAI) -> None:
        ready = pai.ready
        keys = KeyPair(ready.access_key_id, ready.access_key_secret)
        self._workspace_id = ready.workspace_id
        self._client = PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, ready.api, ready.oss))
        self.close = self._client.close
        self._registry = ModelRegistry(self._client, ready.workspace_id, logging.getLogger(__name__))
        self._registry.create("watched")
        model = self._registry.find("watched")
        assert model is not None
        self._model: RegisteredModel = model
        self.things: list[str] = []

    def approve(self) -> None:
        """Let a new version be approved."""
        name = self._registry.create_version(self._model, {"Uri": f"https://example.com/{len(self.things)}"})
        self._registry.decide(self._model, name, APPROVED, by="a person")
        self.things.append(name)

    def end_job(self) -> None:
        """Let a job of the project end."""
        body = {
            "TrainingJobName": "watched",
            "WorkspaceId": self._workspace_id,
            "AlgorithmSpec": {"Command": ["sh", "-c", "true"], "Image": "image:1", "JobType": "PyTorchJob"},
            "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
            "Labels": [{"Key": "project", "Value": "watched"}],
        }
        job_id = self._client.send(create_training_job(body))
        wait_for(lambda: self._client.send(get_training_job(job_id)).is_terminal, bool, "the job's end")
        self.things.append(job_id)

    def labelled(self) -> set[str]:
        """Return what carries the label of an announcement."""
        versions = {each.name: each.labels for each in self._registry.versions(self._model)}
        jobs = [each for each in self.things if each not in versions]
        labels = versions | {job_id: self._client.send(get_training_job(job_id)).labels for job_id in jobs}
        return {name for name, found in labels.items() if any(label.startswith(ANNOUNCED) for label in found)}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[LocalPAI, Cloud]]:
    with LocalPAI(tmp_path / "pai", slots=2, sandbox=Mode.PLAIN) as pai:
        cloud = Cloud(pai)
        yield pai, cloud
        cloud.close()


def announced(airflow: AirflowCluster) -> Counter[str]:
    """Return how often each thing was announced."""
    try:
        events = airflow.api.asset_events()
    except AirflowAPIError as error:
        # SQLite under load: the API server finds its database locked.
        if error.status < 500:
            raise
        return Counter()
    payloads = [event["extra"]["payload"] for event in events]
    return Counter(each.get("version_name") or each["job_id"] for each in payloads)


def wait_announced(airflow: AirflowCluster, things: list[str]) -> None:
    wait_for(
        lambda: announced(airflow).keys(),
        lambda seen: set(things) <= seen,
        f"{things} to be announced",
        interval=1,
    )


def test_nothing_is_lost_and_what_is_labelled_never_comes_again(
    cloud: tuple[LocalPAI, Cloud], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pai, things = cloud
    rng = random.Random(SEED)
    env = {"AIRFLOW_CONN_PAI_DEFAULT": pai.ready.airflow_conn_uri}
    with AirflowCluster(tmp_path / "airflow", DAGS, env, settings=SETTINGS, timeout=300) as airflow:
        airflow.api.wait_parsed("watched", timeout=PATIENCE)
        # The first of each: from then on there is no doubt that the watchers have begun.
        things.approve()
        things.end_job()
        wait_announced(airflow, things.things)
        wait_for(things.labelled, lambda seen: seen >= set(things.things), "the labels")
        twice: set[str] = set()
        for number in range(KILLS):
            things.approve()
            things.end_job()
            time.sleep(rng.uniform(0, LONGEST))
            airflow.kill("triggerer")
            unlabelled = set(things.things) - things.labelled()
            twice |= unlabelled
            # While it is away.
            for _ in range(number % 3):
                things.approve()
                things.end_job()
            airflow.start_component("triggerer")
            airflow.wait_ready("triggerer")
            wait_announced(airflow, things.things)
            wait_for(things.labelled, lambda seen: seen >= set(things.things), "the labels")
        counts = wait_for(lambda: announced(airflow), bool, "the events")
    with capsys.disabled():
        again = sum(count - 1 for count in counts.values())
        print(f"\n{KILLS} kills of seed {SEED}: {len(things.things)} announced, {again} of them once more")
    assert counts.keys() == set(things.things)
    assert {thing for thing, count in counts.items() if count > 1} <= twice
    assert max(counts.values()) <= 2
