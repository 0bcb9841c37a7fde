from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_paistudio20220112.models import CreateTrainingJobRequest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.model.training.request import create_body, read_create_body
from airflow_provider_pai.model.training.resources import ExperimentConfig, InstanceSpec, SpotSpec, UserVpcConfig
from airflow_provider_pai.model.training.spec import CodeLocation, MetricDefinition, TrainingJobSpec

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(max_size=5, min_size=1)
ADDRESSES = st.sampled_from(
    [
        "oss://bucket/a/",
        "oss://bucket.host/a b?.csv",
        "nas://fs.cn-hangzhou/a/",
        "odps://p/tables/t",
        "d-abc",
        "d-abc/v2",
    ]
)
JSON = st.dictionaries(
    TEXTS,
    st.recursive(
        st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=2,
)
PUBLIC = st.fixed_dictionaries(
    {
        "instance_type": TEXTS,
        "spot_spec": st.none() | st.builds(SpotSpec, NAMES, st.none() | st.floats(0, 1).filter(bool)),
    }
)
QUOTA = st.fixed_dictionaries(
    {
        "resource_id": NAMES,
        "instance_spec": st.none() | st.builds(InstanceSpec, NAMES, NAMES, NAMES, TEXTS, TEXTS),
        "priority": st.none() | st.integers(1, 9),
    }
)
OWN = st.fixed_dictionaries(
    {
        "command": TEXTS,
        "image_uri": TEXTS,
        "job_type": NAMES,
        "metric_definitions": st.lists(st.builds(MetricDefinition, TEXTS, TEXTS), max_size=2).map(tuple),
    }
)
REGISTERED = st.fixed_dictionaries({"algorithm_name": NAMES, "algorithm_version": TEXTS, "algorithm_provider": TEXTS})
REST = st.fixed_dictionaries(
    {
        "instance_count": st.integers(1, 100),
        "resource_type": TEXTS,
        "user_vpc_config": st.none()
        | st.builds(UserVpcConfig, NAMES, NAMES, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), TEXTS),
        "experiment_config": st.none() | st.builds(ExperimentConfig, NAMES),
        "settings": JSON,
        "role_arn": TEXTS,
        "credential_config": JSON,
        "code": st.none() | st.builds(CodeLocation, NAMES, NAMES, TEXTS),
        "job_name": TEXTS,
        "hyperparameters": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "inputs": st.dictionaries(TEXTS, ADDRESSES, max_size=3),
        "outputs": st.dictionaries(TEXTS, ADDRESSES, max_size=3),
        "max_run_time": st.none() | st.integers(1),
        "environments": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "requirements": st.lists(TEXTS, max_size=3).map(tuple),
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "description": TEXTS,
    }
)


@st.composite
def specs(draw: st.DrawFn) -> TrainingJobSpec:
    """Any spec that needs no filling in: on public resources or a quota, with a registered algorithm or its own."""
    return TrainingJobSpec(**draw(PUBLIC | QUOTA), **draw(OWN | REGISTERED), **draw(REST))


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


@given(specs(), TEXTS)
def test_any_spec_survives_the_wire(spec: TrainingJobSpec, workspace_id: str) -> None:
    assert read_create_body(json.loads(json.dumps(create_body(spec, workspace_id)))) == spec


@given(specs())
def test_pais_own_sdk_knows_every_member_of_any_body(spec: TrainingJobSpec) -> None:
    # Only alipai sends ResourceType. What Settings and CredentialConfig may hold is their author's matter.
    body = create_body(replace(spec, resource_type="", settings={}, credential_config={}), "12345")
    known = CreateTrainingJobRequest().from_map(body).to_map()
    if "AlgorithmSpec" in body:
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


@given(st.lists(TEXTS, min_size=1))
def test_a_command_of_other_words_is_run_word_by_word(words: list[str]) -> None:
    body = create_body(SPEC, "12345")
    spec = read_create_body({**body, "AlgorithmSpec": {**body["AlgorithmSpec"], "Command": ["env", *words]}})
    assert shlex.split(spec.command) == ["env", *words]


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
        {**without("x"), "AlgorithmSpec": {**without("x")["AlgorithmSpec"], "Command": []}},
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


def test_a_share_of_a_quota_takes_the_place_of_the_instance_type() -> None:
    share = InstanceSpec(cpu="4", memory="16", gpu="1", gpu_type="Tesla-V100-16G", shared_memory="2")
    quota = replace(SPEC, instance_type="", resource_id="quota1", instance_spec=share, instance_count=2, priority=3)
    body = create_body(quota, "1")
    assert body["ComputeResource"] == {
        "ResourceId": "quota1",
        "InstanceCount": 2,
        "InstanceSpec": {"CPU": "4", "Memory": "16", "GPU": "1", "GPUType": "Tesla-V100-16G", "SharedMemory": "2"},
    }
    assert body["Priority"] == 3


def test_the_whole_vpc_reaches_the_wire() -> None:
    vpc = UserVpcConfig("vpc-1", "sg-1", "vsw-1", ("10.0.0.0/16",), "eth1")
    assert create_body(replace(SPEC, user_vpc_config=vpc), "1")["UserVpc"] == {
        "VpcId": "vpc-1",
        "SecurityGroupId": "sg-1",
        "SwitchId": "vsw-1",
        "ExtendedCIDRs": ["10.0.0.0/16"],
        "DefaultRoute": "eth1",
    }


def test_spot_instances_are_asked_for_as_alipai_does() -> None:
    body = create_body(replace(SPEC, spot_spec=SpotSpec("SpotWithPriceLimit", 0.5)), "1")
    assert body["ComputeResource"]["SpotSpec"] == {"SpotStrategy": "SpotWithPriceLimit", "SpotDiscountLimit": 0.5}


def test_a_registered_algorithm_brings_its_own_image_and_command() -> None:
    algorithm = replace(
        SPEC, command="", image_uri=None, metric_definitions=(), algorithm_name="llm", algorithm_provider="pai"
    )
    body = create_body(algorithm, "1")
    assert "AlgorithmSpec" not in body
    assert (body["AlgorithmName"], body["AlgorithmProvider"]) == ("llm", "pai")
    assert body["CodeDir"]["LocationValue"]["Bucket"] == "bkt"


def test_a_share_without_gpus_says_so_since_alipai_cant_read_it_otherwise() -> None:
    quota = replace(SPEC, instance_type="", resource_id="quota1", instance_spec=InstanceSpec(cpu="4", memory="16"))
    assert create_body(quota, "1")["ComputeResource"]["InstanceSpec"] == {"CPU": "4", "Memory": "16", "GPU": "0"}


def test_nodes_to_run_on_are_sent_as_they_are_and_read_back() -> None:
    nodes = {"EnableAssignNode": True, "AntiAffinityNodeNames": "node-1"}
    asked = TrainingJobSpec(
        "true", "ecs.c6.large", image_uri="registry/image:1", job_name="job", assign_node_spec=nodes
    )
    body = create_body(asked, "12345")
    assert body["AssignNodeSpec"] == nodes
    assert read_create_body(body) == asked
