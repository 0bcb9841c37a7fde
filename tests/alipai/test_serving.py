"""alipai deploys to local EAS as it does to the cloud, and EAS's own client for predictions is answered."""

from __future__ import annotations

import json
from typing import Any

import oss2
import pytest

from tests.alipai.conftest import HERE, Start

MODEL = "alipai/served/"


@pytest.fixture(scope="module")
def found(start: Start, bucket: oss2.Bucket) -> dict[str, Any]:
    bucket.put_object(f"{MODEL}model.json", json.dumps({"weight": 2}))
    asked = {"source_dir": str(HERE / "server"), "model": f"oss://{bucket.bucket_name}/{MODEL}"}
    return start("deploy", **asked).finished().found


def test_a_deployed_model_predicts(found: dict[str, Any]) -> None:
    assert found["first"] == {"prediction": [2, 4, 6], "stage": "first"}


def test_the_client_for_predictions_is_answered_and_a_wrong_token_is_not(found: dict[str, Any]) -> None:
    assert json.loads(found["signed"]) == {"prediction": [2, 4], "stage": "first"}
    assert found["wrong"] == 401


def test_the_service_is_as_it_was_described(found: dict[str, Any], bucket: oss2.Bucket) -> None:
    service = found["found"]
    assert (service["Status"], service["RunningInstance"], service["TotalInstance"]) == ("Running", 2, 2)
    config = json.loads(service["ServiceConfig"])
    assert config["storage"][-1]["oss"]["path"] == f"oss://{bucket.bucket_name}/{MODEL}"
    assert found["labels"] == {"suite": "alipai"}
    assert found["listed"] == ["alipai_score"]
    assert "ecs.c6.large" in found["machines"]


def test_an_updated_service_answers_and_is_rolled_back(found: dict[str, Any]) -> None:
    assert found["second"] == {"prediction": [8], "stage": "second"}
    assert found["back"] == {"prediction": [8], "stage": "first"}


def test_a_stopped_service_starts_again(found: dict[str, Any]) -> None:
    assert found["stopped"] == "Stopped"
    assert found["started"] == {"prediction": [10], "stage": "first"}
