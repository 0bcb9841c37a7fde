from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.training.response import latest_metrics, snapshot
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

JOB: dict[str, Any] = {"TrainingJobId": "train1oug3yehan4", "Status": "Running"}


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
            "MetricDefinitions": [{"Name": "acc", "Regex": "acc=(.*)"}],
        },
        "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 2},
        "LatestMetrics": [{"Name": "acc", "Timestamp": "2024-07-10T11:50:00Z", "Value": 0.5}],
        "LatestProgress": {
            "OverallProgress": {"Timestamp": "2024-07-10T11:50:00Z", "Value": 0.25},
            "RemainingTime": {"Timestamp": "2024-07-10T11:50:00Z", "Value": 600},
        },
        "Instances": [
            {"Name": "train1oug3yehan4-master-0", "Role": "master", "Status": "Running"},
            {"Name": "train1oug3yehan4-worker-0", "Role": "worker", "Status": "Failed"},
        ],
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
        metric_regexes={"acc": "acc=(.*)"},
        progress=0.25,
        remaining_s=600,
        instance_count=2,
        instances=("train1oug3yehan4-master-0", "train1oug3yehan4-worker-0"),
        failed_instances=("train1oug3yehan4-worker-0",),
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
        {"LatestProgress": "half"},
        {"LatestProgress": {"OverallProgress": {"Value": "NaN"}, "RemainingTime": 5}},
        {"ComputeResource": ["ecs.c6.large"]},
        {"ComputeResource": {"EcsCount": None}},
        {"AlgorithmSpec": {"MetricDefinitions": {"acc": "acc=(.*)"}}},
        {"AlgorithmSpec": {"MetricDefinitions": ["acc", {"Name": "acc"}]}},
    ],
)
def test_what_only_decorates_a_job_does_not_hide_its_status(members: dict[str, Any]) -> None:
    assert replace(snapshot({**JOB, **members}), metrics_without_value=()) == snapshot(JOB)


@pytest.mark.parametrize(
    "members", [{"OutputChannels": [{}]}, {"Labels": ["a"]}, {"Labels": 5}, {"AlgorithmSpec": "x"}]
)
def test_a_job_of_another_form_is_a_protocol_error(members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="can't be read"):
        snapshot({**JOB, **members})


def test_a_status_that_is_new_is_kept_as_it_is() -> None:
    assert snapshot({**JOB, "Status": "Pausing"}).status == "Pausing"


def test_shares_of_a_quota_count_as_instances() -> None:
    assert snapshot({**JOB, "ComputeResource": {"InstanceCount": "4", "ResourceId": "quota1"}}).instance_count == 4


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


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "NaN", "93%", None, True, [], 10**400])
def test_a_metric_without_a_number_in_its_newest_point_has_no_value(value: Any) -> None:
    points = [{"Name": "loss", "Timestamp": "1", "Value": 0.5}, {"Name": "loss", "Timestamp": "2", "Value": value}]
    job = snapshot({**JOB, "LatestMetrics": points})
    assert (job.metrics, job.metrics_without_value) == ({}, ("loss",))
