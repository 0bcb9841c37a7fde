"""The model registry through the vendor's own client."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import alibabacloud_aiworkspace20210204.models as ws
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder
from airflow_provider_pai.lifecycle.registry.models import ApprovalIsFinal, ModelRegistry
from airflow_provider_pai.lifecycle.registry.registrar import ModelRegistrar
from airflow_provider_pai.model.registry.spec import RegistrationSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient

    from airflow_provider_pai.local.server import LocalPAI

URI = "oss://bucket.oss-cn-hangzhou.aliyuncs.com/models/one/"


def create(workspaces: WorkspaceClient, **members: Any) -> tuple[str, str]:
    name = f"churn-{uuid4().hex[:8]}"
    body = {"ModelName": name, **members}
    return str(workspaces.create_model(ws.CreateModelRequest().from_map(body)).body.model_id), name


def add(workspaces: WorkspaceClient, model_id: str, **members: Any) -> str:
    request = ws.CreateModelVersionRequest().from_map({"Uri": URI, **members})
    return str(workspaces.create_model_version(model_id, request).body.version_name)


def versions(workspaces: WorkspaceClient, model_id: str, **query: Any) -> list[str]:
    answer = workspaces.list_model_versions(model_id, ws.ListModelVersionsRequest(**query)).body
    return [each.version_name for each in answer.versions]


def refused(error: pytest.ExceptionInfo[ClientException]) -> tuple[int, str]:
    return error.value.status_code, error.value.code


def test_versions_are_numbered_from_0_1_0_on(workspaces: WorkspaceClient) -> None:
    model_id, _ = create(workspaces)
    assert [add(workspaces, model_id) for _ in range(3)] == ["0.1.0", "0.2.0", "0.3.0"]
    assert add(workspaces, model_id, VersionName="1.4.2_beta") == "1.4.2_beta"
    assert add(workspaces, model_id) == "1.5.0"
    with pytest.raises(ClientException) as error:
        add(workspaces, model_id, VersionName="0.2.0")
    assert refused(error) == (409, "ModelVersionAlreadyExists")


def test_a_version_keeps_what_it_was_given(workspaces: WorkspaceClient) -> None:
    model_id, name = create(workspaces, ModelDescription="d", Domain="cv", Tag=[{"Key": "team", "Value": "a"}])
    given = {
        "ApprovalStatus": "Approved",
        "FormatType": "Keras H5",
        "FrameworkType": "Keras",
        "InferenceSpec": {"processor": "tensorflow_gpu_1.12"},
        "Metrics": {"accuracy": 0.9, "curve": [1, 2]},
        "Labels": [{"Key": "stage", "Value": "x"}],
        "SourceType": "TrainingService",
        "SourceId": "region=cn-hangzhou,workspaceId=1,kind=TrainingJob,id=train1",
        "VersionDescription": "first",
    }
    version = add(workspaces, model_id, **given)
    shown = workspaces.get_model_version(model_id, version, ws.GetModelVersionRequest()).body.to_map()
    assert {member: shown[member] for member in given} == given
    model = workspaces.get_model(model_id, ws.GetModelRequest()).body
    assert (model.model_name, model.latest_version.version_name, model.domain) == (name, version, "cv")


def test_approval_is_final(workspaces: WorkspaceClient) -> None:
    model_id, _ = create(workspaces)
    version = add(workspaces, model_id)
    approve, reject = (ws.UpdateModelVersionRequest(approval_status=status) for status in ("Approved", "Rejected"))
    workspaces.update_model_version(model_id, version, approve)
    workspaces.update_model_version(model_id, version, approve)
    with pytest.raises(ClientException) as error:
        workspaces.update_model_version(model_id, version, reject)
    assert refused(error) == (400, "InvalidParameter")
    assert (
        workspaces.get_model_version(model_id, version, ws.GetModelVersionRequest()).body.approval_status == "Approved"
    )


def test_lists_filter_and_page(workspaces: WorkspaceClient) -> None:
    model_id, name = create(workspaces, Task="text-classification")
    other, _ = create(workspaces)
    for number in range(3):
        add(workspaces, model_id, ApprovalStatus=("Approved", "Pending", "Approved")[number])
    assert versions(workspaces, model_id, approval_status="Approved") == ["0.1.0", "0.3.0"]
    assert versions(workspaces, model_id, order="DESC", page_size=2) == ["0.3.0", "0.2.0"]
    assert versions(workspaces, model_id, order="DESC", page_size=2, page_number=2) == ["0.1.0"]
    assert versions(workspaces, model_id, version_name="0.2.0") == ["0.2.0"]

    def models(**query: Any) -> list[str]:
        return [
            each.model_id for each in workspaces.list_models(ws.ListModelsRequest(page_size=100, **query)).body.models
        ]

    assert models(model_name=f'"{name}"') == [model_id]
    assert models(model_name=f'"{name[:-1]}"') == []
    assert models(model_name=name[:-1]) == [model_id]
    assert model_id in models(task="text-classification")
    assert other not in models(task="text-classification")
    assert models(provider="pai") == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("VersionName", "1.0"),
        ("VersionName", "v1.0.0"),
        ("FormatType", "Nonsense"),
        ("FrameworkType", "PyTorch"),
        ("ApprovalStatus", "approved"),
        ("Uri", "nas://x"),
        ("Metrics", {"m": "x" * 9000}),
        ("Labels", [{"Key": "a=b", "Value": "x"}]),
        ("SourceType", "TrainingService"),
        ("Options", "{"),
    ],
)
def test_what_a_version_cannot_have_is_refused_by_name(workspaces: WorkspaceClient, member: str, value: Any) -> None:
    model_id, _ = create(workspaces)
    with pytest.raises(ClientException) as error:
        add(workspaces, model_id, **{member: value})
    assert refused(error) == (400, "InvalidParameter")
    assert member.removesuffix("Type") in error.value.message
    assert versions(workspaces, model_id) == []


def test_names_are_unique_and_a_model_goes_with_its_versions(workspaces: WorkspaceClient) -> None:
    model_id, name = create(workspaces)
    with pytest.raises(ClientException) as error:
        workspaces.create_model(ws.CreateModelRequest(model_name=name))
    assert refused(error) == (409, "ModelAlreadyExists")
    add(workspaces, model_id)
    workspaces.delete_model(model_id, ws.DeleteModelRequest())
    with pytest.raises(ClientException) as error:
        workspaces.get_model(model_id, ws.GetModelRequest())
    assert refused(error) == (404, "ModelNotFound")


def test_labels_come_and_go(workspaces: WorkspaceClient) -> None:
    model_id, _ = create(workspaces)
    version = add(workspaces, model_id, Labels=[{"Key": "a", "Value": "1"}])

    def labels() -> dict[str, str]:
        return {
            each.key: each.value
            for each in workspaces.get_model_version(model_id, version, ws.GetModelVersionRequest()).body.labels
        }

    added = ws.CreateModelVersionLabelsRequest().from_map(
        {"Labels": [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]}
    )
    workspaces.create_model_version_labels(model_id, version, added)
    assert labels() == {"a": "2", "b": "3"}
    workspaces.delete_model_version_labels(model_id, version, ws.DeleteModelVersionLabelsRequest(label_keys="a"))
    assert labels() == {"b": "3"}
    workspaces.create_model_labels(model_id, ws.CreateModelLabelsRequest().from_map({"Labels": [{"Key": "x"}]}))
    workspaces.delete_model_labels(model_id, ws.DeleteModelLabelsRequest(label_keys="x"))
    assert not workspaces.get_model(model_id, ws.GetModelRequest()).body.labels


def test_a_parameter_that_is_not_served_is_refused_by_name(workspaces: WorkspaceClient) -> None:
    with pytest.raises(ClientException) as error:
        workspaces.list_models(ws.ListModelsRequest(collections="x"))
    assert "Collections" in error.value.message


LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def ours(local_pai: LocalPAI) -> Iterator[tuple[ModelRegistry, ModelRegistrar]]:
    """What this provider reads and writes the registry with."""
    ready = local_pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
    client = PAIClient(config)
    registry = ModelRegistry(client, ready.workspace_id, LOG)
    storage = ObjectStorage(config)
    recorder = LineageRecorder(client, storage, LOG)
    registrar = ModelRegistrar(
        *(client, registry, recorder, config),
        oss=storage,
        upload_code=lambda path: path,
        final_metrics=lambda job: job.metrics,
        log=LOG,
        sleep=lambda _: None,
    )
    yield registry, registrar
    client.close()


def test_the_vendors_client_reads_what_this_provider_registers(
    workspaces: WorkspaceClient, ours: tuple[ModelRegistry, ModelRegistrar], local_pai: LocalPAI
) -> None:
    registry, registrar = ours
    name, uri = f"churn-{uuid4().hex[:8]}", f"oss://{local_pai.ready.bucket}/models/ours/"
    wanted = RegistrationSpec(
        name,
        uri,
        metrics={"accuracy": 0.9, "by_class": [0.8, 1]},
        format_type="ONNX",
        inference_spec={"processor": "xgboost", "instance_type": "ecs.c6.large"},
        labels={"team": "a"},
        description="better",
        model_description="who leaves",
    )
    registered = registrar.register(wanted, {})
    registry.decide(registered.model, registered.version.name, "Rejected", by="Ann", reason="too slow")
    model = workspaces.get_model(registered.model.model_id, ws.GetModelRequest()).body
    assert (model.model_name, model.model_description) == (name, "who leaves")
    version = model.latest_version.to_map()
    expected = {
        "VersionName": "0.1.0",
        "ApprovalStatus": "Rejected",
        "Uri": uri.replace("/models", ".oss-cn-hangzhou.aliyuncs.com/models"),
        "Metrics": {"accuracy": 0.9, "by_class": [0.8, 1]},
        "FormatType": "ONNX",
        "VersionDescription": "better",
    }
    assert {member: version[member] for member in expected} == expected
    assert version["InferenceSpec"]["model_path"] == uri
    labels = {each["Key"]: each["Value"] for each in version["Labels"]}
    assert (labels["team"], labels["airflow.approved_by"], labels["airflow.decision_reason"]) == (
        "a",
        "Ann",
        "too slow",
    )


def test_this_provider_reads_what_the_vendors_client_registers(
    workspaces: WorkspaceClient, ours: tuple[ModelRegistry, ModelRegistrar]
) -> None:
    registry, _ = ours
    model_id, name = create(workspaces)
    source = "region=cn-hangzhou,workspaceId=1,kind=TrainingJob,id=train1"
    labels, metrics = [{"Key": "team", "Value": "a"}], {"accuracy": 0.9}
    for _ in range(12):
        add(workspaces, model_id, SourceType="TrainingService", SourceId=source, Labels=labels, Metrics=metrics)
    approve = ws.UpdateModelVersionRequest(approval_status="Approved")
    workspaces.update_model_version(model_id, "0.11.0", approve)
    model = registry.find(name)
    assert model is not None
    assert model.model_id == model_id
    assert len(registry.versions(model)) == 12
    version = registry.newest(model, "Approved")
    assert version is not None
    assert (version.name, version.job_id, version.labels, version.metrics) == (
        "0.11.0",
        "train1",
        {"team": "a"},
        metrics,
    )
    with pytest.raises(ApprovalIsFinal):
        registry.decide(model, "0.11.0", "Rejected")
