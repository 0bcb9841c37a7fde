"""Random deployments, and where what they serve comes from, told by a program without Airflow and its database."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from tests.support.attempt import Attempt, executed, training
from tests.support.served_version import serve
from tests.support.settled_services import SettledServices

DEPLOYMENTS = int(os.environ.get("LINEAGE_DEPLOYMENTS", "3"))
# Airflow can't be imported there: what is shown comes from PAI and OSS alone.
PROGRAM = """
import json, logging, sys
sys.modules["airflow"] = None
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder, lineage_of_service
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.model.serving.status import model_uri

asked = json.load(sys.stdin)
ready = asked["ready"]
keys = KeyPair(ready["access_key_id"], ready["access_key_secret"])
config = ClientConfig(
    ready["region_id"], ready["workspace_id"], keys, endpoint=ready["api"], oss_endpoint=ready["oss"]
)
client, log = PAIClient(config), logging.getLogger()
recorder = LineageRecorder(client, ObjectStorage(config), log)
registry = ModelRegistry(client, config.workspace_id, log)
found = {}
for name in asked["services"]:
    served = model_uri(client.send(describe_service(config.region_id, name)).config)
    found[name] = lineage_of_service(recorder, registry, name, served).to_json()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI that runs jobs, and whose services are at once what is wanted."""
    home = tmp_path_factory.mktemp("pai")
    with LocalPAI(home, sandbox=Mode.PLAIN, slots=2, service_runtime=SettledServices) as pai:
        yield pai


@dataclass(frozen=True)
class ReleasedModel:
    """What one deployment was made of, as it was asked for.

    Attributes:
        service: the service.
        truth: members of its lineage, by name.
        inputs: ETag and size of each object that the job has read, by channel and end of the key.
    """

    service: str
    truth: dict[str, Any]
    inputs: dict[str, dict[str, tuple[str, int]]]


def release(rng: random.Random, folder: Path, service: str) -> ReleasedModel:
    """Train, register, approve and deploy a model of random things."""
    inputs, uris = _inputs(rng)
    parameters = {f"p{number}": rng.choice([0.1, 7, "text", True]) for number in range(rng.randint(0, 4))}
    source = folder / uuid4().hex
    source.mkdir()
    (source / "train.py").write_text(f"print('acc={rng.random():.4f}')  # {uuid4().hex}\n")
    command = f"python train.py && echo {rng.random()} > $PAI_OUTPUT_MODEL/model"
    attempt = Attempt(dag_id=f"dag_{rng.randrange(100)}", task_id=f"train_{rng.randrange(100)}")
    operator = training(
        task_id=attempt.task_id,
        source_dir=str(source),
        command=command,
        inputs=uris,
        hyperparameters=parameters,
        metric_definitions=[{"name": "acc", "regex": "acc=([0-9.]+)"}],
    )
    trained = executed(operator, attempt.context)
    model, by = f"model-{uuid4().hex[:8]}" if rng.random() < 0.7 else "shared", rng.choice(["Ann", "Bo", "the board"])
    inference = {"image_uri": "serve:1", "command": "serve", "instance_type": "ecs.c6.large"}
    register = PAIRegisterModelOperator(
        task_id="register", model_name=model, job_id=trained["job_id"], inference_spec=inference
    )
    version = executed(register, Attempt(task_id="register").context)["version_name"]
    PAIModelRegistryHook().approve(model, version, by=by)
    serve(PAIServiceHook(), service, model, PAIModelRegistryHook().approved_version(model, version))
    truth = {
        "service_name": service,
        "model_name": model,
        "version_name": version,
        "approval_status": "Approved",
        "approved_by": by,
        "model_uri": trained["model_uri"],
        "job_id": trained["job_id"],
        "job_name": trained["job_name"],
        "image_uri": trained["image_uri"],
        "code_uri": trained["code_uri"],
        "command": command,
        "instance_type": "ecs.c6.large",
        "metrics": trained["metrics"],
        "hyperparameters": {name: str(value) for name, value in parameters.items()},
        "airflow": {"dag_id": attempt.dag_id, "task_id": attempt.task_id, "run_id": attempt.run_id},
    }
    return ReleasedModel(service, truth, inputs)


def _inputs(rng: random.Random) -> tuple[dict[str, dict[str, tuple[str, int]]], dict[str, str]]:
    """Write random inputs, and return what they are and where they lie."""
    oss, found, uris = PAIOSSHook(), dict[str, dict[str, tuple[str, int]]](), dict[str, str]()
    for channel in ["train", "validation", "extra"][: rng.randint(0, 3)]:
        uris[channel] = oss.default_folder("lineages", uuid4().hex)
        found[channel] = {}
        for number in range(rng.randint(1, 4)):
            content = rng.randbytes(rng.randint(0, 200))
            oss.write(f"{uris[channel]}part-{number}", content)
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
            found[channel][f"part-{number}"] = (digest, len(content))
    return found, uris


def lineages_of(pai: LocalPAI, services: list[str]) -> dict[str, Any]:
    """Return the lineages of services by name, as a program without Airflow reads them."""
    asked = json.dumps({"ready": pai.ready.to_json(), "services": services})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=asked, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_each_lineage_is_complete_and_true_without_airflow(
    settled: LocalPAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", settled.ready.airflow_conn_uri)
    rng = random.Random(7)
    # Some services are deployed more than once: the last deployment is the one that serves.
    names = [f"s_{number}" for number in range(max(1, DEPLOYMENTS * 2 // 3))]
    releases = {made.service: made for made in (release(rng, tmp_path, rng.choice(names)) for _ in range(DEPLOYMENTS))}
    lineages = lineages_of(settled, sorted(releases))
    assert lineages.keys() == releases.keys()
    for name, made in releases.items():
        lineage = lineages[name]
        airflow = {key: lineage["airflow"][key] for key in made.truth["airflow"]}
        assert {**{key: lineage[key] for key in made.truth}, "airflow": airflow} == made.truth
        digest = lineage["code_digest"]
        assert digest
        assert digest in made.truth["code_uri"]
        assert lineage["approved_at"].endswith("Z")
        assert lineage["job_created"]
        for channel, objects in made.inputs.items():
            kept = lineage["inputs"][channel]
            assert kept["complete"]
            found = {each["key"].rsplit("/", 1)[1]: (each["etag"], each["size"]) for each in kept["objects"]}
            assert found == objects
        assert lineage["inputs"].keys() == made.inputs.keys()
