"""alipai's datasets, experiments and quotas on local PAI."""

from __future__ import annotations

from typing import Any

import oss2
import pytest

from airflow_provider_pai.local.jobs.quota_usage import Quota
from tests.alipai.conftest import Finished, Start


@pytest.fixture(scope="module")
def finished(start: Start, bucket: oss2.Bucket) -> Finished:
    bucket.put_object("alipai/rows/rows.csv", b"7,8,9\n")
    place = f"oss://{bucket.bucket_name}.oss-cn-hangzhou.aliyuncs.com/alipai"
    script = start("belong", data=f"{place}/rows/", artifacts=f"{place}/group/", quota=Quota().quota_id)
    return script.finished()


@pytest.fixture(scope="module")
def found(finished: Finished) -> dict[str, Any]:
    return finished.found


def test_a_job_of_a_quota_trains_on_a_dataset(finished: Finished) -> None:
    assert finished.found["status"] == "Succeed"
    assert "7,8,9" in finished.printed


def test_the_tensorboard_logs_lie_in_the_experiment(found: dict[str, Any], bucket: oss2.Bucket) -> None:
    _, _, key = found["tensorboard"].removeprefix("oss://").partition("/")
    assert bucket.get_object(f"{key}{found['job_id']}/events").read() == b"logs\n"


def test_an_experiment_is_found_and_renamed(found: dict[str, Any]) -> None:
    assert found["experiment"] is True
    assert found["renamed"] == "alipai-other"
    assert "alipai-other" in found["names"]
    assert "alipai-group" not in found["names"]


def test_a_dataset_is_read_back(found: dict[str, Any]) -> None:
    dataset = found["dataset"]
    assert dataset["Name"] == "alipai-rows"
    assert (dataset["Property"], dataset["DataSourceType"], dataset["Accessibility"]) == ("DIRECTORY", "OSS", "PUBLIC")
    assert dataset["Labels"] == [{"Key": "suite", "Value": "alipai"}]
    assert found["datasets"] == [found["dataset_id"]]
