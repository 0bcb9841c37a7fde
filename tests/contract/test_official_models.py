"""The model registry through the vendor's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import alibabacloud_aiworkspace20210204.models as ws
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

if TYPE_CHECKING:
    from alibabacloud_aiworkspace20210204.client import Client as WorkspaceClient

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


def test_names_are_unique_and_a_model_with_versions_stays(workspaces: WorkspaceClient) -> None:
    model_id, name = create(workspaces)
    with pytest.raises(ClientException) as error:
        workspaces.create_model(ws.CreateModelRequest(model_name=name))
    assert refused(error) == (409, "ModelAlreadyExists")
    version = add(workspaces, model_id)
    with pytest.raises(ClientException) as error:
        workspaces.delete_model(model_id, ws.DeleteModelRequest())
    assert refused(error) == (409, "ModelHasVersions")
    workspaces.delete_model_version(model_id, version, ws.DeleteModelVersionRequest())
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
