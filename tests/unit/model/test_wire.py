from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_paistudio20220112.models import CreateTrainingJobRequest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.spec import CodeLocation, MetricDefinition, TrainingJobSpec
from airflow_provider_pai.model.status import JobSnapshot, Transition
from airflow_provider_pai.model.wire import create_body, latest_metrics, read_create_body, snapshot

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(max_size=5, min_size=1)
INPUTS = st.sampled_from(
    [
        "oss://bucket/a/",
        "oss://bucket.host/a b?.csv",
        "nas://fs.cn-hangzhou/a/",
        "odps://p/tables/t",
        "d-abc",
        "d-abc/v2",
    ]
)
SPECS = st.builds(
    TrainingJobSpec,
    command=TEXTS,
    instance_type=TEXTS,
    instance_count=st.integers(1, 100),
    image_uri=TEXTS,
    code=st.none() | st.builds(CodeLocation, NAMES, NAMES, TEXTS),
    job_name=TEXTS,
    hyperparameters=st.dictionaries(TEXTS, TEXTS, max_size=3),
    inputs=st.dictionaries(TEXTS, INPUTS, max_size=3),
    outputs=st.dictionaries(TEXTS, TEXTS, max_size=3),
    max_run_time=st.none() | st.integers(1),
    environments=st.dictionaries(TEXTS, TEXTS, max_size=3),
    requirements=st.lists(TEXTS, max_size=3).map(tuple),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=3),
    metric_definitions=st.lists(st.builds(MetricDefinition, TEXTS, TEXTS), max_size=2).map(tuple),
    description=TEXTS,
)

SPEC = TrainingJobSpec(
    command="python train.py $PAI_USER_ARGS",
    instance_type="ecs.c6.large",
    image_uri="registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
    code=CodeLocation("bkt", "pai/training_src/0123/source.tar.gz", "oss-cn-hangzhou.aliyuncs.com"),
    job_name="demo_job_20261124_001853",
    hyperparameters={"lr": "0.1", "n": "5"},
    inputs={"train": "oss://bkt/data/train.csv", "test": "d-abc/v1"},
    outputs={
        "model": "oss://bkt/out/model/",
        "checkpoints": "oss://bkt/c/",
        "tensorboard": "oss://bkt/out/tensorboard/",
    },
    max_run_time=3600,
    environments={"E": "1"},
    requirements=("numpy==1.26.4",),
    labels={"a": "b"},
    metric_definitions=(MetricDefinition("acc", "acc=(.*)"),),
    description="what it is for",
)
JOB: dict[str, Any] = {"TrainingJobId": "train1oug3yehan4", "Status": "Running"}


@given(SPECS, TEXTS)
def test_any_spec_survives_the_wire(spec: TrainingJobSpec, workspace_id: str) -> None:
    assert read_create_body(json.loads(json.dumps(create_body(spec, workspace_id)))) == spec


@given(SPECS)
def test_pais_own_sdk_knows_every_member_of_any_body(spec: TrainingJobSpec) -> None:
    body = create_body(spec, "12345")
    known = CreateTrainingJobRequest().from_map(body).to_map()
    # The SDK adds the empty lists that we leave out.
    known["AlgorithmSpec"] = {name: known["AlgorithmSpec"].get(name) for name in body["AlgorithmSpec"]}
    assert known == body


def test_a_body_is_what_the_pai_sdk_sends() -> None:
    algorithm = {
        "CodeDir": {
            "LocationType": "oss",
            "LocationValue": {
                "Bucket": "bkt",
                "Key": "pai/training_src/0123/source.tar.gz",
                "Endpoint": "oss-cn-hangzhou.aliyuncs.com",
            },
        },
        "Command": ["sh", "-c", "python train.py $PAI_USER_ARGS"],
        "HyperParameters": [],
        "Image": "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
        "InputChannels": [{"Name": "train", "Required": False}, {"Name": "test", "Required": False}],
        "JobType": "PyTorchJob",
        "MetricDefinitions": [{"Name": "acc", "Regex": "acc=(.*)"}],
        "OutputChannels": [
            {"Name": "model", "Required": True},
            {"Name": "checkpoints", "Required": False},
            {"Name": "tensorboard", "Required": False, "Properties": {"ossAppendable": "true"}},
        ],
        "SupportsDistributedTraining": True,
    }
    assert create_body(SPEC, "12345") == {
        "AlgorithmSpec": algorithm,
        "ComputeResource": {"EcsCount": 1, "EcsSpec": "ecs.c6.large"},
        "Environments": {"E": "1"},
        "HyperParameters": [{"Name": "lr", "Value": "0.1"}, {"Name": "n", "Value": "5"}],
        "InputChannels": [
            {"Name": "train", "InputUri": "oss://bkt/data/train.csv"},
            {"Name": "test", "DatasetId": "d-abc", "VersionName": "v1"},
        ],
        "Labels": [{"Key": "a", "Value": "b"}],
        "OutputChannels": [
            {"Name": "model", "OutputUri": "oss://bkt/out/model/"},
            {"Name": "checkpoints", "OutputUri": "oss://bkt/c/"},
            {"Name": "tensorboard", "OutputUri": "oss://bkt/out/tensorboard/"},
        ],
        "PythonRequirements": ["numpy==1.26.4"],
        "Scheduler": {"MaxRunningTimeInSeconds": 3600},
        "TrainingJobDescription": "what it is for",
        "TrainingJobName": "demo_job_20261124_001853",
        "WorkspaceId": "12345",
    }


def test_what_is_not_given_is_left_out_of_the_body() -> None:
    body = create_body(replace(SPEC, code=None, max_run_time=None, description=""), "12345")
    assert "CodeDir" not in body["AlgorithmSpec"]
    assert {"Scheduler", "TrainingJobDescription"}.isdisjoint(body)


def test_a_limit_in_minutes_counts_too() -> None:
    body = {**create_body(SPEC, "1"), "Scheduler": {"MaxRunningTimeInMinutes": 2}}
    assert read_create_body(body).max_run_time == 120


def test_a_limit_of_zero_is_no_limit() -> None:
    body = {**create_body(SPEC, "1"), "Scheduler": {"MaxRunningTimeInSeconds": 0, "MaxRunningTimeInMinutes": 0}}
    assert read_create_body(body).max_run_time is None


def test_a_value_that_is_falsy_is_not_lost() -> None:
    body = {**create_body(SPEC, "1"), "HyperParameters": [{"Name": "n", "Value": 0}, {"Name": "e"}]}
    assert read_create_body(body).hyperparameters == {"n": "0", "e": ""}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in create_body(SPEC, "1").items() if key != name}


@pytest.mark.parametrize(
    "body",
    [
        {},
        without("AlgorithmSpec"),
        without("ComputeResource"),
        without("TrainingJobName"),
        {**without("x"), "AlgorithmSpec": "x"},
        {**without("x"), "Environments": ["x"]},
        {**without("x"), "Labels": [{"Value": "b"}]},
        {**without("x"), "InputChannels": [{"Name": "train"}]},
        {**without("x"), "OutputChannels": [{"Name": "model"}]},
        {**without("x"), "HyperParameters": {"lr": "0.1"}},
        {**without("x"), "AlgorithmSpec": {**without("x")["AlgorithmSpec"], "Command": ["python", "train.py"]}},
        {**without("x"), "AlgorithmSpec": {**without("x")["AlgorithmSpec"], "Command": "sh -c true"}},
        {
            **without("x"),
            "AlgorithmSpec": {**without("x")["AlgorithmSpec"], "CodeDir": {"LocationValue": {"Key": "k"}}},
        },
    ],
)
def test_a_body_of_another_form_is_a_protocol_error(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        read_create_body(body)


def test_a_job_is_read_in_full() -> None:
    item = {
        **JOB,
        "TrainingJobName": "demo",
        "WorkspaceId": "12345",
        "ReasonCode": "TrainingJobSucceed",
        "ReasonMessage": "KubeDL job runs successfully",
        "GmtCreateTime": "2024-07-10T11:49:47Z",
        "Duration": 61,
        "Labels": [{"Key": "a", "Value": "b"}],
        "OutputChannels": [{"Name": "model", "OutputUri": "oss://bkt/model/"}],
        "AlgorithmSpec": {
            "Image": "registry/image:1",
            "CodeDir": {"LocationType": "oss", "LocationValue": {"Bucket": "bkt", "Key": "code/", "Endpoint": "host"}},
        },
        "LatestMetrics": [{"Name": "acc", "Timestamp": "2024-07-10T11:50:00Z", "Value": 0.5}],
        "Instances": [{"Name": "train1oug3yehan4-master-0", "Role": "master", "Status": "Running"}],
        "StatusTransitions": [
            {"Status": "Creating", "StartTime": "2024-07-10T11:49:47Z", "EndTime": "2024-07-10T11:49:48Z"},
            {"Status": "Running", "StartTime": "2024-07-10T11:49:48Z", "ReasonCode": "C", "ReasonMessage": "M"},
        ],
        "RequestId": "not ours",
        "SomethingNew": {"x": 1},
    }
    assert snapshot(item) == JobSnapshot(
        job_id="train1oug3yehan4",
        status="Running",
        name="demo",
        workspace_id="12345",
        reason_code="TrainingJobSucceed",
        reason_message="KubeDL job runs successfully",
        created="2024-07-10T11:49:47Z",
        duration_s=61,
        labels={"a": "b"},
        outputs={"model": "oss://bkt/model/"},
        image_uri="registry/image:1",
        code_uri="oss://bkt/code/",
        metrics={"acc": 0.5},
        instances=("train1oug3yehan4-master-0",),
        transitions=(
            Transition("Creating", "2024-07-10T11:49:47Z", "2024-07-10T11:49:48Z"),
            Transition("Running", "2024-07-10T11:49:48Z", "", "C", "M"),
        ),
    )


def test_id_and_status_are_enough() -> None:
    assert snapshot(JOB) == JobSnapshot("train1oug3yehan4", "Running")


def test_members_that_are_null_are_as_if_absent() -> None:
    names = ("TrainingJobName", "Duration", "Labels", "OutputChannels", "AlgorithmSpec", "LatestMetrics", "Instances")
    assert snapshot({**JOB, **dict.fromkeys((*names, "StatusTransitions", "GmtCreateTime"))}) == snapshot(JOB)


@pytest.mark.parametrize("name", ["TrainingJobId", "Status"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_job_without_id_or_status_is_a_protocol_error(name: str, value: object) -> None:
    with pytest.raises(ProtocolError, match=name):
        snapshot({**JOB, name: value})
    with pytest.raises(ProtocolError, match=name):
        snapshot({key: value for key, value in JOB.items() if key != name})


@pytest.mark.parametrize(
    "members",
    [
        {"Duration": "soon"},
        {
            "LatestMetrics": [
                {"Name": "acc"},
                {"Name": "acc", "Value": None},
                {"Value": 1.0},
                {"Name": "x", "Value": "?"},
            ]
        },
        {"AlgorithmSpec": {"CodeDir": {"LocationType": "NAS", "LocationValue": {"Path": "/code"}}}},
        {"Instances": [{"Role": "master"}]},
    ],
)
def test_what_only_decorates_a_job_does_not_hide_its_status(members: dict[str, Any]) -> None:
    assert snapshot({**JOB, **members}) == snapshot(JOB)


@pytest.mark.parametrize(
    "members", [{"OutputChannels": [{}]}, {"Labels": ["a"]}, {"Labels": 5}, {"AlgorithmSpec": "x"}]
)
def test_a_job_of_another_form_is_a_protocol_error(members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="can't be read"):
        snapshot({**JOB, **members})


def test_a_status_that_is_new_is_kept_as_it_is() -> None:
    assert snapshot({**JOB, "Status": "Pausing"}).status == "Pausing"


def test_a_duration_may_come_as_text() -> None:
    assert snapshot({**JOB, "Duration": "61"}).duration_s == 61
    assert snapshot({**JOB, "Duration": 0}).duration_s == 0


def test_the_newest_point_of_a_metric_counts_and_of_equal_ones_the_later() -> None:
    points = [
        {"Name": "acc", "Timestamp": "2024-07-10T11:51:00Z", "Value": 0.7},
        {"Name": "acc", "Timestamp": "2024-07-10T11:50:00Z", "Value": 0.5},
        {"Name": "loss", "Timestamp": "2024-07-10T11:50:00Z", "Value": 1},
        {"Name": "loss", "Timestamp": "2024-07-10T11:50:00Z", "Value": 2},
        {"Name": "zero", "Value": 0},
    ]
    assert latest_metrics(points) == {"acc": 0.7, "loss": 2.0, "zero": 0.0}
