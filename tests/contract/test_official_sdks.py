"""Local PAI answers the vendor's unmodified SDKs as the cloud does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import alibabacloud_aiworkspace20210204.models as ws
import alibabacloud_pai_dlc20201203.models as dlc_models
import alibabacloud_paistudio20220112.models as pai_models
import pytest
from alibabacloud_paistudio20220112.client import Client as TrainingClient
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from alibabacloud_tea_openapi.models import Config

from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from airflow_provider_pai.model.uri import OssUri
from tests.support.waits import PATIENCE

if TYPE_CHECKING:
    import oss2
    from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient
    from alibabacloud_pai_dlc20201203.client import Client as DlcClient

    from airflow_provider_pai.local.server import LocalPAI

TRAIN = b"""
import os, sys
print("arguments", sys.argv[1:])
for step in (1, 2):
    print(f"accuracy={step / 10}", flush=True)
with open(os.environ["PAI_OUTPUT_MODEL"] + "model.txt", "w") as model:
    model.write(open(os.environ["PAI_INPUT_TRAIN"]).read())
"""


def wait(training: TrainingClient, job_id: str) -> pai_models.GetTrainingJobResponseBody:
    """Poll a job until it has ended."""
    deadline = time.monotonic() + PATIENCE
    while True:
        job = training.get_training_job(job_id).body
        if job.status in TERMINAL_STATUSES:
            return job
        assert time.monotonic() < deadline, f"{job_id} is still {job.status}"
        time.sleep(0.05)


def request(
    pai: LocalPAI, workspaces: WorkspaceClient, command: str, **more: Any
) -> pai_models.CreateTrainingJobRequest:
    """Return a request whose image comes from the catalog."""
    labels = "system.official=true,system.supported.dlc=true,system.chipType=CPU"
    found = workspaces.list_images(ws.ListImagesRequest(labels=labels, name="pytorch", verbose=True)).body
    algorithm = {"Command": ["sh", "-c", command], "Image": found.images[-1].image_uri, "JobType": "PyTorchJob"}
    body = {
        "WorkspaceId": pai.ready.workspace_id,
        "TrainingJobName": "contract",
        "AlgorithmSpec": {**algorithm, **more.pop("AlgorithmSpec", {})},
        "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
        **more,
    }
    return pai_models.CreateTrainingJobRequest().from_map(body)


@pytest.fixture(scope="module")
def job(
    local_pai: LocalPAI, training: TrainingClient, workspaces: WorkspaceClient, bucket: oss2.Bucket
) -> pai_models.GetTrainingJobResponseBody:
    """A job that trained with code and data from OSS."""
    name = local_pai.ready.bucket
    bucket.put_object("code/demo/train.py", TRAIN)
    bucket.put_object("data/train.csv", b"1,2,3\n")
    code = {"LocationType": "oss", "LocationValue": {"Bucket": name, "Key": "code/demo/", "Endpoint": "ignored"}}
    created = training.create_training_job(
        request(
            local_pai,
            workspaces,
            "python train.py $PAI_USER_ARGS",
            AlgorithmSpec={"CodeDir": code, "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}]},
            HyperParameters=[{"Name": "lr", "Value": "0.1"}],
            InputChannels=[{"Name": "train", "InputUri": f"oss://{name}/data/train.csv"}],
            OutputChannels=[{"Name": "model", "OutputUri": f"oss://{name}/out/contract/model/"}],
            Labels=[{"Key": "suite", "Value": "contract"}, {"Key": "é b", "Value": "x/y=z"}],
            Scheduler={"MaxRunningTimeInSeconds": 600},
        )
    ).body
    return wait(training, created.training_job_id)


@pytest.fixture
def faulty(local_pai: LocalPAI) -> Iterator[LocalPAI]:
    yield local_pai
    local_pai.faults.clear()


def test_a_job_trains_with_code_and_data_from_oss(
    job: pai_models.GetTrainingJobResponseBody, bucket: oss2.Bucket
) -> None:
    assert (job.status, job.reason_code) == ("Succeed", "TrainingJobSucceed")
    assert bucket.get_object("out/contract/model/model.txt").read() == b"1,2,3\n"


def test_a_job_has_its_statuses_instances_metrics_and_url(job: pai_models.GetTrainingJobResponseBody) -> None:
    assert [step.status for step in job.status_transitions][-3:] == ["Submitted", "Running", "Succeed"]
    assert [instance.status for instance in job.instances] == ["Succeeded"]
    assert [(metric.name, metric.value) for metric in job.latest_metrics] == [("accuracy", 0.2)]
    assert job.scheduler.max_running_time_in_seconds == "600"
    assert job.training_job_url.endswith(f"/pages/jobs/{job.training_job_id}")


def test_the_log_is_read_page_by_page(training: TrainingClient, job: pai_models.GetTrainingJobResponseBody) -> None:
    def page(number: int) -> pai_models.ListTrainingJobLogsResponseBody:
        asked = pai_models.ListTrainingJobLogsRequest(page_number=number, page_size=20)
        return training.list_training_job_logs(job.training_job_id, asked).body

    first = page(1)
    assert first.logs[0] == "TrainingJob launch starting"
    total = int(first.total_count)
    lines = [line for number in range(1, total // 20 + 2) for line in page(number).logs]
    assert len(lines) == total
    assert lines[-3:] == ["arguments ['--lr', '0.1']", "accuracy=0.1", "accuracy=0.2"]


def test_events_metrics_and_output_models_are_listed(
    training: TrainingClient, job: pai_models.GetTrainingJobResponseBody
) -> None:
    job_id = job.training_job_id
    events = training.list_training_job_events(job_id, pai_models.ListTrainingJobEventsRequest()).body.events
    assert any("Succeed" in event for event in events)
    asked = pai_models.ListTrainingJobMetricsRequest(name="accuracy", order="ASC")
    metrics = training.list_training_job_metrics(job_id, asked).body.metrics
    assert [metric.value for metric in metrics] == [0.1, 0.2]
    models = training.list_training_job_output_models(job_id).body.output_models
    assert [(model.output_channel_name, model.source_id) for model in models] == [("model", job_id)]


def test_jobs_are_found_by_all_of_their_labels(
    local_pai: LocalPAI, training: TrainingClient, job: pai_models.GetTrainingJobResponseBody
) -> None:
    def found(labels: dict[str, str]) -> list[str]:
        asked = pai_models.ListTrainingJobsRequest(workspace_id=local_pai.ready.workspace_id, labels=labels)
        return [item.training_job_id for item in training.list_training_jobs(asked).body.training_jobs]

    assert job.training_job_id in found({"suite": "contract", "é b": "x/y=z"})
    assert found({"suite": "contract", "é b": "other"}) == []


def test_jobs_are_listed_page_by_page_from_a_time_on(
    local_pai: LocalPAI, training: TrainingClient, workspaces: WorkspaceClient
) -> None:
    made = [
        training.create_training_job(
            request(local_pai, workspaces, "true", TrainingJobName=f"paged-{number}")
        ).body.training_job_id
        for number in range(3)
    ]
    start = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def page(number: int) -> pai_models.ListTrainingJobsResponseBody:
        asked = pai_models.ListTrainingJobsRequest(
            training_job_name="paged-",
            start_time=start,
            sort_by="GmtCreateTime",
            order="ASC",
            page_number=number,
            page_size=2,
        )
        return training.list_training_jobs(asked).body

    assert [item.training_job_id for number in (1, 2) for item in page(number).training_jobs] == made
    assert page(1).total_count == 3
    assert all(wait(training, job_id).status == "Succeed" for job_id in made)


def wait_for_line(training: TrainingClient, job_id: str, line: str) -> None:
    """Poll a job's log, which does not exist at first."""
    deadline = time.monotonic() + PATIENCE
    while True:
        asked = pai_models.ListTrainingJobLogsRequest(page_size=100)
        try:
            lines = training.list_training_job_logs(job_id, asked).body.logs
        except ClientException as refused:
            if refused.code != "TRAINING_JOB_INSTANCE_NOT_FOUND":
                raise
            lines = []
        if line in lines:
            return
        assert time.monotonic() < deadline, f"{line!r} is not in {lines}"
        time.sleep(0.05)


def test_a_running_job_is_stopped(local_pai: LocalPAI, training: TrainingClient, workspaces: WorkspaceClient) -> None:
    body = request(local_pai, workspaces, "echo running; sleep 60")
    job_id = training.create_training_job(body).body.training_job_id
    wait_for_line(training, job_id, "running")
    training.stop_training_job(job_id)
    assert wait(training, job_id).status == "Terminated"
    training.delete_training_job(job_id)
    with pytest.raises(ClientException) as refused:
        training.get_training_job(job_id)
    assert refused.value.status_code == 404


def test_a_failed_job_explains_itself(
    local_pai: LocalPAI, training: TrainingClient, workspaces: WorkspaceClient
) -> None:
    command = "echo the last words; exit 3"
    job_id = training.create_training_job(request(local_pai, workspaces, command)).body.training_job_id
    job = wait(training, job_id)
    assert job.status == "Failed"
    error = training.get_training_job_error_info(job_id).body.error_info
    assert error.code == job.reason_code
    assert "exit code 3" in error.message
    assert "the last words" in error.additional_info


def test_labels_are_updated_and_deleted(training: TrainingClient, job: pai_models.GetTrainingJobResponseBody) -> None:
    job_id = job.training_job_id

    def labels() -> dict[str, str]:
        current = training.get_training_job(job_id).body
        return {label.key: label.value for label in current.labels}

    added = pai_models.UpdateTrainingJobLabelsRequest().from_map({"Labels": [{"Key": "stage", "Value": "2"}]})
    training.update_training_job_labels(job_id, added)
    assert labels() == {"suite": "contract", "é b": "x/y=z", "stage": "2"}
    training.delete_training_job_labels(job_id, pai_models.DeleteTrainingJobLabelsRequest(keys="stage"))
    assert "stage" not in labels()


def test_an_image_is_found_by_its_labels(workspaces: WorkspaceClient) -> None:
    labels = "system.official=true,system.supported.dlc=true,system.chipType=CPU"
    asked = ws.ListImagesRequest(
        labels=labels, name="xgboost", sort_by="GmtCreateTime", order="DESC", page_size=50, verbose=True
    )
    image = workspaces.list_images(asked).body.images[0]
    assert image.image_uri.endswith("/pai-dlc/xgboost-training:1.6.0-cpu-py36-ubuntu18.04")
    alone = workspaces.get_image(image.image_id, ws.GetImageRequest(verbose=True)).body
    assert alone.image_uri == image.image_uri
    assert {label.key for label in alone.labels} >= {"system.official", "system.chipType"}


def test_the_workspace_is_listed_and_is_the_default_one(local_pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    workspace_id = local_pai.ready.workspace_id
    listed = workspaces.list_workspaces(ws.ListWorkspacesRequest(workspace_ids=f"1,{workspace_id}")).body
    assert [(item.workspace_id, item.is_default) for item in listed.workspaces] == [(workspace_id, True)]
    assert workspaces.list_workspaces(ws.ListWorkspacesRequest(workspace_name="other")).body.total_count == 0
    assert workspaces.get_default_workspace(ws.GetDefaultWorkspaceRequest()).body.workspace_id == workspace_id
    alone = workspaces.get_workspace(workspace_id, ws.GetWorkspaceRequest(verbose=True)).body
    assert (alone.workspace_id, alone.status, bool(alone.owner.user_id)) == (workspace_id, "ENABLED", True)


def test_an_unknown_workspace_does_not_exist(workspaces: WorkspaceClient) -> None:
    with pytest.raises(ClientException) as refused:
        workspaces.get_workspace("99999", ws.GetWorkspaceRequest())
    assert refused.value.status_code == 404


def test_the_default_storage_leads_to_the_bucket(local_pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    asked = ws.ListConfigsRequest(config_keys="modelExportPath")
    configs = workspaces.list_configs(local_pai.ready.workspace_id, asked).body.configs
    assert [config.config_key for config in configs] == ["modelExportPath"]
    host = local_pai.ready.oss.removeprefix("http://")
    assert OssUri.parse(configs[0].config_value) == OssUri(local_pai.ready.bucket, "", host)


def test_the_configuration_is_changed(local_pai: LocalPAI, workspaces: WorkspaceClient) -> None:
    workspace_id = local_pai.ready.workspace_id
    item = {"CategoryName": "CommonTagConfig", "ConfigKey": "predefinedTags", "ConfigValue": "a,b"}
    workspaces.update_configs(workspace_id, ws.UpdateConfigsRequest().from_map({"Configs": [item]}))
    asked = ws.ListConfigsRequest(category_name="CommonTagConfig")
    configs = workspaces.list_configs(workspace_id, asked).body
    assert [(config.config_key, config.config_value) for config in configs.configs] == [("predefinedTags", "a,b")]
    assert configs.total_count == 1


def test_instance_types_are_filtered_and_sorted(dlc: DlcClient) -> None:
    def names(**asked: Any) -> list[str]:
        return [
            spec.instance_type for spec in dlc.list_ecs_specs(dlc_models.ListEcsSpecsRequest(**asked)).body.ecs_specs
        ]

    assert names(instance_types="ecs.gn6v-c8g1.2xlarge,ecs.c6.large") == ["ecs.c6.large", "ecs.gn6v-c8g1.2xlarge"]
    assert names(accelerator_type="GPU", sort_by="Gpu", order="desc", page_size=1) == ["ecs.gn6v-c8g1.16xlarge"]
    assert names(resource_type="Lingjun") == []
    assert set(names(accelerator_type="CPU", page_size=5)) & set(names(accelerator_type="GPU", page_size=100)) == set()
    assert len(names(page_number=2)) == 10


def test_an_instance_type_has_its_measures(dlc: DlcClient) -> None:
    asked = dlc_models.ListEcsSpecsRequest(instance_types="ecs.gn7i-c8g1.2xlarge")
    spec = dlc.list_ecs_specs(asked).body.ecs_specs[0]
    assert (spec.cpu, spec.memory, spec.gpu, spec.gpu_type, spec.is_available) == (8, 30, 1, "A10", True)


def changed_client(pai: LocalPAI, **changed: str) -> TrainingClient:
    keys = {"access_key_id": pai.ready.access_key_id, "access_key_secret": pai.ready.access_key_secret, **changed}
    return TrainingClient(Config(endpoint=pai.ready.api.removeprefix("http://"), protocol="http", **keys))


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"access_key_secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"access_key_id": "LTAI-unknown"}, 404, "InvalidAccessKeyId.NotFound"),
    ],
)
def test_foreign_keys_are_refused(local_pai: LocalPAI, changed: dict[str, str], status: int, code: str) -> None:
    with pytest.raises(ClientException) as refused:
        changed_client(local_pai, **changed).list_training_jobs(pai_models.ListTrainingJobsRequest())
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert local_pai.ready.access_key_secret not in str(refused.value)


def test_a_request_that_lacks_a_member_is_refused(local_pai: LocalPAI, training: TrainingClient) -> None:
    body = pai_models.CreateTrainingJobRequest(workspace_id=local_pai.ready.workspace_id, training_job_name="x")
    with pytest.raises(ClientException) as refused:
        training.create_training_job(body)
    assert (refused.value.status_code, refused.value.code) == (400, "MissingParameter")


def test_throttling_reaches_the_client_with_its_wait(faulty: LocalPAI, training: TrainingClient) -> None:
    faulty.faults.add(Fault("ListTrainingJobs", FaultKind.THROTTLE, retry_after_ms=1500))
    with pytest.raises(ThrottlingException) as refused:
        training.list_training_jobs(pai_models.ListTrainingJobsRequest())
    assert (refused.value.code, refused.value.retry_after) == ("Throttling.User", 1500)


def test_a_failure_of_the_service_reaches_the_client(faulty: LocalPAI, training: TrainingClient) -> None:
    faulty.faults.add(Fault("ListTrainingJobs", FaultKind.ERROR, code="ServiceUnavailable"))
    with pytest.raises(ServerException) as refused:
        training.list_training_jobs(pai_models.ListTrainingJobsRequest())
    assert (refused.value.status_code, refused.value.code) == (503, "ServiceUnavailable")


def test_answers_carry_their_request_id(training: TrainingClient) -> None:
    answer = training.list_training_jobs(pai_models.ListTrainingJobsRequest())
    assert answer.headers["x-acs-request-id"] == answer.body.request_id
    assert json.dumps(answer.body.to_map())
