"""alipai trains on local PAI as it does in the cloud; only endpoint and protocol are changed."""

from __future__ import annotations

import json
from typing import Any

import oss2
import pytest
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig

from airflow_provider_pai.local.server import LocalPAI
from tests.alipai.conftest import SOURCE, Finished, Script, Start

PREFIX = "alipai/data/"


@pytest.fixture(scope="module")
def scripts(
    start: Start, local_pai: LocalPAI, bucket: oss2.Bucket, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Script]:
    """All scripts of this module, started at once: alipai sleeps most of its time."""
    bucket.put_object(f"{PREFIX}table.csv", b"1,2,3\n")
    bucket.put_object(f"{PREFIX}images/a.png", b"a")
    bucket.put_object(f"{PREFIX}images/b.png", b"b")
    bucket.put_object("alipai/resumed/before.txt", b"epoch 0")
    local = tmp_path_factory.mktemp("input") / "notes.txt"
    local.write_text("from this machine")
    data = f"oss://{bucket.bucket_name}/{PREFIX}"
    train = start(
        "train",
        source_dir=str(SOURCE),
        output_path=f"oss://{bucket.bucket_name}/alipai/out/",
        checkpoints_path=f"oss://{bucket.bucket_name}/alipai/resumed/",
        inputs={"table": f"{data}table.csv", "images": f"{data}images/", "local": str(local)},
    )
    return {
        "train": train,
        "end_badly": start("end_badly", temporary(local_pai)),
        "look_around": start("look_around", temporary(local_pai), prefix=PREFIX),
    }


def temporary(pai: LocalPAI) -> dict[str, str]:
    """Return where local PAI answers, with the credentials of a role in place of its key."""
    ready = pai.ready.to_json()
    config = CredentialConfig(
        type="ram_role_arn",
        access_key_id=ready["access_key_id"],
        access_key_secret=ready["access_key_secret"],
        role_arn="acs:ram::1234567890123456:role/trainer",
        role_session_name="alipai",
        sts_endpoint=ready["api"],
    )
    keys = CredentialClient(config).get_credential()
    return {
        **ready,
        "access_key_id": keys.access_key_id,
        "access_key_secret": keys.access_key_secret,
        "security_token": keys.security_token,
    }


@pytest.fixture(scope="module")
def trained(scripts: dict[str, Script]) -> Finished:
    return scripts["train"].finished()


@pytest.fixture(scope="module")
def ended(scripts: dict[str, Script]) -> dict[str, Any]:
    return scripts["end_badly"].finished().found


@pytest.fixture(scope="module")
def seen(scripts: dict[str, Script]) -> dict[str, Any]:
    return scripts["look_around"].finished().found


def read(bucket: oss2.Bucket, uri: str) -> bytes:
    content: bytes = bucket.get_object(uri.removeprefix(f"oss://{bucket.bucket_name}/")).read()
    return content


def test_a_fitted_job_succeeds_and_its_model_is_in_oss(trained: Finished, bucket: oss2.Bucket) -> None:
    found = trained.found
    assert found["status"] == "Succeed"
    assert found["reason"][0] == "TrainingJobSucceed"
    model = json.loads(read(bucket, found["model"] + "model.json"))
    assert model["table"] == "1,2,3\n"
    assert model["images"] == ["a.png", "b.png"]
    assert model["local"] == "from this machine"
    assert model["hyperparameters"] == {"lr": "0.1", "epochs": "3"}


def test_outputs_lie_where_the_estimator_says(trained: Finished, bucket: oss2.Bucket) -> None:
    found = trained.found
    base = f"oss://{bucket.bucket_name}/alipai"
    assert found["model"].startswith(f"{base}/out/contract_tests_")
    assert found["model"].endswith("/model/")
    assert found["checkpoints"] == f"{base}/resumed/"
    assert read(bucket, found["checkpoints"] + "last.txt") == b"epoch 3"
    assert read(bucket, found["tensorboard"] + "events.txt") == b"events"
    assert set(found["outputs"]) == {"model", "checkpoints", "tensorboard"}


def test_a_job_resumes_from_its_checkpoints(trained: Finished, bucket: oss2.Bucket) -> None:
    assert json.loads(read(bucket, trained.found["model"] + "model.json"))["resumed"] == ["epoch 0"]


def test_the_job_s_log_is_streamed_whole_and_in_order(trained: Finished) -> None:
    lines = trained.printed
    (link,) = [line for line in lines if line.startswith("View the job detail")]
    (ended,) = [line for line in lines if line.endswith("you can check the logs/metrics/output in  the console:")]
    assert lines.index(link) < lines.index("TrainingJob launch starting") < lines.index("line 49") < lines.index(ended)
    assert "arguments ['--lr', '0.1', '--epochs', '3'] stage contract" in lines
    ours = [line for line in lines if line.startswith(("epoch ", "line "))]
    assert ours == [f"epoch {epoch} accuracy={epoch / 4}" for epoch in (1, 2, 3)] + [f"line {n}" for n in range(50)]


def test_a_job_is_read_back_as_it_was_described(trained: Finished) -> None:
    found = trained.found
    assert found["name"].startswith("contract tests-")
    assert found["seconds"] == 600
    assert found["hyperparameters"] == {"lr": "0.1", "epochs": "3"}
    assert {"Key": "suite", "Value": "alipai"} in found["labels"]
    assert found["url"].endswith(f"/jobs/{found['job_id']}")


def test_jobs_are_listed_by_status(trained: Finished) -> None:
    found = trained.found
    assert found["job_id"] in found["listed"]
    assert found["job_id"] in found["succeeded"]
    assert found["job_id"] not in found["failed"]


def test_a_failing_command_ends_in_alipai_s_error(ended: dict[str, Any]) -> None:
    assert ended["raised"] == ended["statuses"][0] == "Failed"
    assert "3" in ended["reasons"][0][1]


def test_a_stopped_job_is_terminated_and_waiting_for_it_ends(ended: dict[str, Any]) -> None:
    assert ended["statuses"][1] == "Terminated"


def test_the_workspace_s_default_storage_is_found(
    seen: dict[str, Any], bucket: oss2.Bucket, scripts: dict[str, Script]
) -> None:
    assert seen["bucket"] == bucket.bucket_name
    assert seen["workspace"] == "local_pai"
    assert sorted(seen["objects"]) == [PREFIX + name for name in ("images/a.png", "images/b.png", "table.csv")]


def test_the_account_of_temporary_credentials_is_that_of_their_role(seen: dict[str, Any]) -> None:
    assert seen["account"] == "1234567890123456"


def test_images_are_retrieved(seen: dict[str, Any]) -> None:
    assert seen["latest"] == ["PyTorch", "1.12", "CPU", "3.9"]
    assert seen["latest_gpu"] == ["TensorFlow", "2.10", "GPU", "3.9"]
    assert seen["exact"] == ["PyTorch", "1.12", "GPU", "3.9"]
    assert "supported versions for the framework are 1.12" in seen["missing"]


def test_images_are_listed(seen: dict[str, Any]) -> None:
    assert ["TensorFlow", "2.3", "CPU", "3.6"] in seen["training"]
    assert {name for name, *_ in seen["training"]} == {"TensorFlow"}
    assert all("/pai-eas/pytorch-inference:" in uri for uri in seen["inference"])
    assert seen["everything"] > len(seen["training"]) + len(seen["inference"])


def test_gpu_types_are_known_and_unknown_types_are_not(seen: dict[str, Any]) -> None:
    assert (seen["cpu"], seen["gpu"], seen["unknown"]) == (False, True, False)
