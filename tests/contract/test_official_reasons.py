"""Why a job did not succeed: every reason, as the vendor's own client reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import alibabacloud_paistudio20220112.models as models
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.local.jobs.transitions import ReasonCode

if TYPE_CHECKING:
    import oss2
    from alibabacloud_paistudio20220112.client import Client as TrainingClient

    from airflow_provider_pai.local.server import LocalPAI
    from tests.support.jobs import Jobs

PAI_IMAGE = "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training"


def checked(client: TrainingClient, job: models.GetTrainingJobResponseBody, reason: ReasonCode) -> str:
    """Check that a job's reason stands wherever it must, and return it in words."""
    assert job.reason_code == reason
    last = job.status_transitions[-1]
    assert (last.status, last.reason_code, last.reason_message) == (job.status, reason, job.reason_message)
    error = client.get_training_job_error_info(job.training_job_id).body.error_info
    assert (error.code, error.message) == (reason, job.reason_message)
    asked = models.ListTrainingJobEventsRequest(page_size=100)
    events = client.list_training_job_events(job.training_job_id, asked).body.events
    assert any(job.status in event and job.reason_message in event for event in events)
    return str(job.reason_message)


def code(key: str, bucket: str) -> dict[str, Any]:
    return {"CodeDir": {"LocationType": "oss", "LocationValue": {"Bucket": bucket, "Key": key, "Endpoint": "x"}}}


def test_a_command_that_fails(jobs: Jobs, training: TrainingClient) -> None:
    job = jobs.run("exit 3")
    assert job.status == "Failed"
    assert "exit code 3" in checked(training, job, ReasonCode.COMMAND_FAILED)


def test_a_command_that_runs_too_long(jobs: Jobs, training: TrainingClient) -> None:
    job = jobs.run("sleep 60", Scheduler={"MaxRunningTimeInSeconds": 1})
    assert job.status == "Failed"
    assert "its limit of 1 seconds" in checked(training, job, ReasonCode.TIMEOUT)


def test_a_job_that_is_stopped(jobs: Jobs, training: TrainingClient) -> None:
    job_id = jobs.create("sleep 60")
    jobs.until(job_id, "Running")
    training.stop_training_job(job_id)
    job = jobs.until(job_id)
    assert job.status == "Terminated"
    assert "on request" in checked(training, job, ReasonCode.STOPPED)


def test_requirements_that_can_not_be_installed(local_pai: LocalPAI, jobs: Jobs, training: TrainingClient) -> None:
    nowhere = f"{local_pai.ready.oss}/nowhere/no_such_package-1.0.zip"
    job = jobs.run("true", PythonRequirements=[f"no-such-package @ {nowhere}"])
    assert job.status == "InitializeFailed"
    assert "pip could not install the requirements" in checked(training, job, ReasonCode.REQUIREMENTS_FAILED)


def test_an_input_that_is_not_there(local_pai: LocalPAI, jobs: Jobs, training: TrainingClient) -> None:
    uri = f"oss://{local_pai.ready.bucket}/nowhere/data.csv"
    job = jobs.run("true", InputChannels=[{"Name": "train", "InputUri": uri}])
    assert job.status == "InitializeFailed"
    message = checked(training, job, ReasonCode.DATA_FAILED)
    assert "input channel train" in message
    assert uri in message


def test_source_code_that_is_not_there(local_pai: LocalPAI, jobs: Jobs, training: TrainingClient) -> None:
    job = jobs.run("true", algorithm=code("nowhere/", local_pai.ready.bucket))
    assert job.status == "InitializeFailed"
    assert "nowhere/" in checked(training, job, ReasonCode.CODE_FAILED)


def test_source_code_that_is_no_archive(
    local_pai: LocalPAI, jobs: Jobs, training: TrainingClient, bucket: oss2.Bucket
) -> None:
    bucket.put_object("reasons/source.tar.gz", b"no archive")
    job = jobs.run("true", algorithm=code("reasons/source.tar.gz", local_pai.ready.bucket))
    assert job.status == "InitializeFailed"
    assert "is refused" in checked(training, job, ReasonCode.CODE_FAILED)


@pytest.mark.parametrize(
    "image",
    [
        f"{PAI_IMAGE}:9.9-cpu-py39-ubuntu20.04",
        "registry-vpc.cn-beijing.aliyuncs.com/pai-dlc/no-such-framework:1.0",
        "dsw-registry-vpc.cn-hangzhou.cr.aliyuncs.com/pai/modelscope:0.0",
        "eas-registry.cn-hangzhou.cr.aliyuncs.com/pai-eas/vllm:0.0-gpu",
    ],
)
def test_an_image_that_pai_does_not_have(jobs: Jobs, training: TrainingClient, image: str) -> None:
    job = jobs.run("true", algorithm={"Image": image})
    assert job.status == "InitializeFailed"
    assert image in checked(training, job, ReasonCode.IMAGE_FAILED)


@pytest.mark.parametrize(
    "image",
    [
        f"{PAI_IMAGE.replace('registry', 'registry-vpc')}:1.12-cpu-py39-ubuntu20.04",
        f"{PAI_IMAGE.replace('hangzhou', 'shanghai')}:1.12-cpu-py39-ubuntu20.04",
        "registry.cn-hangzhou.aliyuncs.com/my-team/pytorch-training:9.9",
        "pytorch/pytorch:2.4.0",
        "ghcr.io/team/image@sha256:" + "0" * 64,
    ],
)
def test_other_images_are_taken_on_trust(jobs: Jobs, image: str) -> None:
    assert jobs.run("true", algorithm={"Image": image}).status == "Succeed"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"ComputeResource": {"EcsSpec": "ecs.none", "EcsCount": 1}}, "there is no instance type ecs.none"),
        (
            {"InputChannels": [{"Name": "a", "InputUri": "oss://no-such-bucket/x/"}]},
            "there is no bucket no-such-bucket",
        ),
        ({"OutputChannels": [{"Name": "a", "OutputUri": "oss://no-such-bucket/x/"}]}, "no bucket no-such-bucket"),
        ({"algorithm": code("x/", "no-such-bucket")}, "there is no bucket no-such-bucket"),
        ({"InputChannels": [{"Name": "a", "InputUri": "oss://Bad_Bucket/x/"}]}, "no valid bucket name"),
        ({"WorkspaceId": "9"}, "there is no workspace 9"),
    ],
)
def test_what_can_be_seen_before_is_refused_at_once(jobs: Jobs, members: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientException) as error:
        jobs.create("true", **members)
    assert (error.value.status_code, error.value.code) == (400, "InvalidParameter")
    assert said in error.value.message


def test_a_job_that_succeeds_has_no_error(jobs: Jobs, training: TrainingClient) -> None:
    job = jobs.run("true")
    assert job.reason_code == ReasonCode.SUCCEED
    assert training.get_training_job_error_info(job.training_job_id).body.error_info.code is None
