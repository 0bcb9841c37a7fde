"""alipai registers, lists and deploys models on local PAI, and reads what this provider has registered; and back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.registry.registrar import ModelRegistrar
from airflow_provider_pai.lifecycle.registry.served_version import approved_version
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.inference import with_registered
from airflow_provider_pai.model.registry.spec import read_registration
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.validation import read_service
from tests.alipai.conftest import HERE, Start

MODEL, CODE = "alipai/registered/", "alipai/registered-code/"
OURS = "our_churn"
LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def registry(local_pai: LocalPAI) -> Iterator[ModelRegistry]:
    client = PAIClient(config_of(local_pai))
    yield ModelRegistry(client, local_pai.ready.workspace_id, LOG)
    client.close()


def config_of(pai: LocalPAI) -> ClientConfig:
    ready = pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    return ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)


def register_ours(pai: LocalPAI, registry: ModelRegistry, bucket: oss2.Bucket) -> None:
    """Register a model as the operator does."""
    config = config_of(pai)
    client, storage = PAIClient(config), ObjectStorage(config)
    recorder = LineageRecorder(client, storage, LOG)
    registrar = ModelRegistrar(
        *(client, registry, recorder, config),
        oss=storage,
        upload_code=lambda path: path,
        final_metrics=lambda job: job.metrics,
        log=LOG,
        sleep=lambda _: None,
    )
    inference = {
        "image_uri": "registry.example/serve:1",
        "command": "python app.py",
        "port": 8000,
        "source_dir": f"oss://{bucket.bucket_name}/{CODE}",
        "environments": {"STAGE": "ours"},
        "instance_type": "ecs.c6.large",
    }
    arguments = {"model_name": OURS, "model_uri": f"oss://{bucket.bucket_name}/{MODEL}", "inference_spec": inference}
    spec, problems = read_registration({**arguments, "labels": {"team": "b"}, "approval_status": "Approved"})
    assert problems == []
    registrar.register(spec, {})
    client.close()


@pytest.fixture(scope="module")
def found(start: Start, local_pai: LocalPAI, registry: ModelRegistry, bucket: oss2.Bucket) -> dict[str, Any]:
    bucket.put_object(f"{MODEL}model.json", json.dumps({"weight": 3}))
    bucket.put_object(f"{CODE}app.py", (Path(HERE) / "server" / "app.py").read_bytes())
    register_ours(local_pai, registry, bucket)
    asked = {"source_dir": str(HERE / "server"), "model": f"oss://{bucket.bucket_name}/{MODEL}", "ours": OURS}
    return start("registry", **asked).finished().found


def test_a_model_is_registered_listed_and_deleted(found: dict[str, Any]) -> None:
    assert found["registered"] == [["alipai_churn", "0.1.0"], ["alipai_churn", "1.2.0"]]
    assert found["listed"] == [["alipai_churn", "1.2.0"]]
    assert found["versions"] == ["0.1.0", "1.2.0"]
    assert found["after"] == ["0.1.0", "1.2.0"]
    assert found["latest"] == "1.2.0"
    assert (found["labels"], found["same"]) == ({"team": "a"}, True)
    assert {"alipai_churn", OURS} <= set(found["left"])
    assert "alipai_doomed" not in found["left"]


def test_a_registered_version_is_deployed_by_name_and_version(found: dict[str, Any]) -> None:
    assert found["own"] == {"prediction": [3, 6], "stage": "registered"}


def test_what_this_provider_has_registered_alipai_reads_and_deploys(found: dict[str, Any], bucket: oss2.Bucket) -> None:
    assert found["other"] == {"prediction": [3, 6], "stage": "ours"}
    assert found["ours"]["uri"] == f"oss://{bucket.bucket_name}.oss-cn-hangzhou.aliyuncs.com/{MODEL}"
    assert found["ours"]["labels"]["team"] == "b"


def test_what_alipai_has_registered_this_provider_reads_and_deploys(
    found: dict[str, Any], registry: ModelRegistry
) -> None:
    version = approved_version(registry, "alipai_churn")
    assert (version.name, version.metrics, version.labels) == ("0.1.0", {"accuracy": 0.9}, {"team": "a"})
    arguments, labels = with_registered({"service_name": "svc"}, "alipai_churn", version)
    spec, problems = read_service({**arguments, "instance_type": "ecs.c6.large"})
    assert problems == []
    assert (spec.port, spec.environments) == (8000, {"STAGE": "registered"})
    assert "python app.py" in spec.command
    mounts = service_body(spec, "1", spec.source_dir)["storage"]
    assert [each["mount_path"] for each in mounts] == ["/ml/usercode/", "/eas/workspace/model/"]
    assert labels["airflow.model_version"] == "0.1.0"
