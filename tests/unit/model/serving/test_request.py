from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.serving.request import digest, merged, service_body
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.status import model_uri
from airflow_provider_pai.model.serving.validation import read_service, service_problems
from airflow_provider_pai.model.training.resources import UserVpcConfig

LEAST: dict[str, Any] = {
    "service_name": "svc",
    "image_uri": "img:1",
    "command": "python serve.py",
    "instance_type": "ecs.c6.large",
}


def spec(**arguments: Any) -> ServiceSpec:
    read, problems = read_service({**LEAST, **arguments})
    assert problems == []
    return read


def test_a_container_is_described_as_the_pai_sdk_does() -> None:
    """What alipai 0.4.13 sends for the same (pai-api, recorded), but for what it adds of its own."""
    body = service_body(
        spec(
            model_uri="oss://bkt/m/model",
            environments={"A": "b"},
            requirements=["flask"],
            instance_count=2,
        ),
        "7",
        "oss://bkt/code/",
    )
    assert body == {
        "name": "svc",
        "metadata": {"instance": 2, "workspace_id": "7"},
        "cloud": {"computing": {"instance_type": "ecs.c6.large"}},
        "containers": [
            {
                "image": "img:1",
                "port": 8000,
                "script": "python serve.py",
                "env": [{"name": "A", "value": "b"}],
                "prepare": {"pythonRequirements": ["flask"]},
            }
        ],
        "storage": [
            {"mount_path": "/ml/usercode/", "oss": {"path": "oss://bkt/code/", "readOnly": True}},
            {
                "mount_path": "/eas/workspace/model/",
                "oss": {"path": "oss://bkt/m/model/", "readOnly": True},
                "properties": {"resource_type": "model", "resource_use": "base"},
            },
        ],
    }
    assert model_uri(body) == "oss://bkt/m/model/"


def test_a_processor_gets_the_model_by_its_path() -> None:
    read, problems = read_service(
        {
            "service_name": "svc",
            "processor": "xgboost",
            "model_uri": "oss://bkt/m.json",
            "instance_type": "ecs.c6.large",
        }
    )
    assert problems == []
    body = service_body(read, "7")
    assert (body["processor"], body["model_path"]) == ("xgboost", "oss://bkt/m.json")
    assert "containers" not in body
    assert model_uri(body) == "oss://bkt/m.json"


def test_the_memory_in_a_resource_group_is_sent_in_megabytes() -> None:
    body = service_body(spec(instance_type=None, resource_id="eas-r-1", cpu="2", memory=7.5, gpu=1, group="shop"), "7")
    assert body["metadata"] == {
        "instance": 1,
        "workspace_id": "7",
        "group": "shop",
        "resource": "eas-r-1",
        "cpu": 2,
        "memory": 7680,
        "gpu": 1,
    }
    assert "cloud" not in body


def test_vpc_check_and_labels_have_their_places() -> None:
    body = service_body(
        spec(
            user_vpc_config={"vpc_id": "vpc-1", "security_group_id": "sg-1", "switch_id": "vsw-1"},
            health_check={"path": "/health", "period_seconds": 5},
            labels={"team": "ml"},
            port=9000,
        ),
        "7",
    )
    assert body["cloud"]["networking"] == {"vpc_id": "vpc-1", "vswitch_id": "vsw-1", "security_group_id": "sg-1"}
    check = {"http_get": {"path": "/health", "port": 9000}, "period_seconds": 5}
    assert body["containers"][0]["health_check"] == check
    assert body["labels"] == {"team": "ml"}
    tcp = service_body(spec(health_check={"failure_threshold": 2}), "7")["containers"][0]["health_check"]
    assert tcp == {"tcp_socket": {"port": 8000}, "failure_threshold": 2}


def test_extra_configuration_is_merged_last_and_deep() -> None:
    extra = {
        "metadata": {"instance": 3, "rpc": {"keepalive": 10000}},
        "containers": [{"args": ["-v"]}, {"image": "side:1"}],
        "autoscaler": {"min": 1},
    }
    body = service_body(spec(extra_config=extra), "7")
    assert body["metadata"] == {"instance": 3, "workspace_id": "7", "rpc": {"keepalive": 10000}}
    assert [container["image"] for container in body["containers"]] == ["img:1", "side:1"]
    assert body["containers"][0]["args"] == ["-v"]
    assert body["autoscaler"] == {"min": 1}


def test_a_mount_of_the_author_takes_away_neither_code_nor_model() -> None:
    data = {"mount_path": "/data", "nfs": {"server": "x"}}
    mounts = [data, {"mount_path": "/eas/workspace/model", "oss": {"readOnly": False}}]
    spec = ServiceSpec("iris", "oss://bucket/model/", image_uri="image", command="run", source_dir="oss://bucket/code/")
    code, model = service_body(spec, "1", spec.source_dir)["storage"]
    after = service_body(replace(spec, extra_config={"storage": mounts}), "1", spec.source_dir)["storage"]
    writable = {**model, "mount_path": "/eas/workspace/model", "oss": {**model["oss"], "readOnly": False}}
    assert after == [code, writable, data]


@pytest.mark.parametrize(
    ("value", "extra", "then"),
    [
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ([{"a": 1}, {"b": 2}], [{"c": 3}], [{"a": 1, "c": 3}, {"b": 2}]),
        ({}, {"a": None}, {"a": None}),
    ],
)
def test_objects_are_merged_and_other_values_replaced(value: Any, extra: Any, then: Any) -> None:
    assert merged(value, extra) == then


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"processor": "pmml", "model_uri": "oss://bkt/m/"}, "image_uri and processor contradict each other"),
        ({"processor": "pmml", "image_uri": None, "command": None}, "model_uri is missing"),
        ({"resource_id": "eas-r-1"}, "instance_type and resource_id contradict each other"),
        ({"resource_id": "eas-r-1", "instance_type": None, "cpu": 1}, "memory is missing"),
        ({"resource_id": "eas-r-1", "instance_type": None, "cpu": 0, "memory": 1}, "cpu must be a number of vCPUs"),
        ({"model_mount_path": "/other/"}, "model_mount_path is given without model_uri"),
        ({"model_uri": ""}, "model_uri is empty"),
        ({"port": 8080}, "port 8080 is reserved by EAS"),
        ({"labels": {"airflow.owner": "x"}}, "labels: 'airflow.owner' must be a name"),
    ],
)
def test_contradicting_arguments_are_named(arguments: dict[str, Any], said: str) -> None:
    _, problems = read_service({**LEAST, **arguments})
    assert any(str(problem).startswith(said) for problem in problems), problems


def test_a_spec_made_by_hand_is_judged_too() -> None:
    least = ServiceSpec("svc", image_uri="i:1", command="c", instance_type="ecs.c6.large")
    assert service_problems(least) == []
    endless = ServiceSpec("svc", image_uri="i:1", command="c", resource_id="eas-r-1", cpu=float("inf"), memory=1)
    assert service_problems(endless) == [Problem("cpu", "must be a number of vCPUs above 0, not inf")]
    vpc = UserVpcConfig("vpc-1", "sg 1")
    bad = ServiceSpec("svc", image_uri="i:1", command="c", instance_type="ecs.c6.large", user_vpc_config=vpc)
    assert [str(problem) for problem in service_problems(bad)] == [
        "user_vpc_config['security_group_id'] 'sg 1' is no id; use letters, digits, '-' and '_'"
    ]


def test_a_version_made_before_mounts_were_read_only_is_the_same_configuration() -> None:
    mount = {"mount_path": "/ml/usercode/", "oss": {"path": "oss://bkt/code/"}}
    before = {"name": "iris", "storage": [mount]}
    now = {**before, "storage": [{**mount, "oss": {**mount["oss"], "readOnly": True}}]}  # type: ignore[dict-item]
    writable = {**before, "storage": [{**mount, "oss": {**mount["oss"], "readOnly": False}}]}  # type: ignore[dict-item]
    assert digest(now) == digest(before)
    assert digest(writable) != digest(before)
