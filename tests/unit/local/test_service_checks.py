"""What local EAS refuses of a service JSON, each thing by its name."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_pai.local.eas.checks import ServiceChecks
from airflow_provider_pai.local.eas.without_effect import members_without_effect
from airflow_provider_pai.local.http.response import ErrorResponse

WORKSPACE = "12345"
CHECKS = ServiceChecks(WORKSPACE, {"ecs.c6.large", "ecs.gn6i-c4g1.xlarge"}.__contains__, {"bucket"}.__contains__)
CONTAINER = {"image": "registry/image:1", "port": 8000, "script": "python app.py"}
MODEL = {
    "mount_path": "/eas/workspace/model/",
    "oss": {"path": "oss://bucket/model/"},
    "properties": {"resource_type": "model", "resource_use": "base"},
}
CHECK = {"http_get": {"path": "/health", "port": 8000}, "initial_delay_seconds": 0, "period_seconds": 2}
FULL: dict[str, Any] = {
    "name": "score_1",
    "token": "fixed-token",
    "metadata": {
        "instance": 2,
        "workspace_id": 12345,
        "type": "Standard",
        "group": "scores",
        "traffic_state": "grouping",
        "rolling_strategy": {"max_surge": "50%", "max_unavailable": 0},
        "rpc": {"keepalive": 10000},
        "eas": {"termination_grace_period": 30},
        "disk": "30Gi",
        "shm_size": 2,
        "enable_grpc": False,
    },
    "cloud": {"computing": {"instance_type": "ecs.c6.large"}, "networking": {}},
    "containers": [
        {
            **CONTAINER,
            "env": [{"name": "STAGE", "value": "test"}],
            "prepare": {"pythonRequirements": ["flask==3.0"]},
            "health_check": CHECK,
            "startup_check": {"tcp_socket": {"port": 8000}},
        }
    ],
    "storage": [
        {"mount_path": "/ml/usercode/", "oss": {"path": "oss://bucket/code/", "readOnly": True}},
        MODEL,
        {"mount_path": "/cache", "empty_dir": {"medium": "memory", "size_limit": "1Gi"}},
    ],
    "labels": {"team": "ml"},
    "dockerAuth": "dXNlcjpwYXNz",
    "autoscaler": {},
}
REMOVE = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the full service JSON with one member replaced or removed; numbers are places in lists."""
    config = copy.deepcopy(FULL)
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place: Any = config
    for part in parents:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    if value is REMOVE:
        del place[last]
    else:
        place[last] = value
    return config


def refusal(config: object) -> ErrorResponse:
    with pytest.raises(ErrorResponse) as refused:
        CHECKS.checked(config)
    assert refused.value.status == 400
    return refused.value


def test_a_service_with_all_there_is_is_taken() -> None:
    assert CHECKS.checked(FULL) == FULL


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", REMOVE),
        ("cloud.computing", {"instances": [{"type": "ecs.c6.large"}, {"type": "ecs.gn6i-c4g1.xlarge"}]}),
        ("containers.0", {"image": "registry:5000/image@sha256:" + 64 * "0", "command": ["python"], "args": ["a"]}),
        ("storage", REMOVE),
        ("metadata.workspace_id", WORKSPACE),
    ],
)
def test_other_forms_are_taken(path: str, value: Any) -> None:
    config = changed(path, value)
    if path == "name":
        config["metadata"]["name"] = "score_1"
    assert CHECKS.checked(config) == config


def test_cpu_and_memory_stand_for_an_instance_type() -> None:
    config = changed("cloud", REMOVE)
    config["metadata"] |= {"cpu": 2, "memory": 4000, "gpu": 0}
    assert CHECKS.checked(config) == config


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("name", REMOVE, "name is required"),
        ("containers", REMOVE, "containers is required"),
        ("containers", [], "containers is required"),
        ("containers.0.image", REMOVE, "containers[0].image is required"),
    ],
)
def test_what_is_missing_is_named(path: str, value: Any, named: str) -> None:
    refused = refusal(changed(path, value))
    assert refused.code == "MissingParameter"
    assert named in refused.message


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", "Score", "name is invalid: 'Score'"),
        ("name", "score-1", "name is invalid"),
        ("name", "ab", "name is invalid"),
        ("name", 64 * "a", "name is invalid"),
        ("name", "1score", "name is invalid"),
        ("name", 7, "name must be a string"),
        ("metadata.name", "other", "name and metadata.name contradict each other"),
        ("token", "", "token is invalid"),
        ("token", "with blank", "token is invalid"),
        ("unknown", 1, "unknown is no member that local PAI knows"),
        ("labels", {"a": 1}, "labels.a must be a string"),
        ("labels", {"": "b"}, "labels is invalid"),
        ("labels", {"a": 129 * "b"}, "labels is invalid"),
        ("labels", {str(number): "" for number in range(51)}, "labels is invalid"),
        ("processor", "xgboost", "processor is not supported: local PAI runs services of containers only"),
        ("model_path", "oss://bucket/model/", "model_path is not supported"),
        ("processor_path", "oss://bucket/p.tar.gz", "processor_path is not supported"),
        ("autoscaler", {"min": 1, "max": 3}, "autoscaler is not supported"),
        ("aimaster", {"enabled": True}, "aimaster is not supported"),
        ("role", "Queue", "role is not supported"),
    ],
)
def test_a_service_that_can_not_be_is_refused(path: str, value: Any, said: str) -> None:
    assert said in refusal(changed(path, value)).message


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("cloud", {}, "cloud.computing.instance_type, or metadata.cpu and metadata.memory, is required"),
        ("cloud.computing.instance_type", "ecs.none", "there is no instance type ecs.none"),
        ("cloud.computing", {"instances": [{"type": "ecs.none"}]}, "there is no instance type ecs.none"),
        ("cloud.computing.instances", [{"type": "ecs.c6.large"}], "contradict each other"),
        ("metadata.resource", "eas-r-1", "metadata.resource is not supported"),
        ("metadata.quota_id", "quota1", "metadata.quota_id is not supported"),
        ("metadata.cpu", 0, "metadata.cpu is invalid"),
        ("metadata.memory", -1, "metadata.memory is invalid"),
        ("metadata.gpu", -1, "metadata.gpu is invalid"),
        ("metadata.instance", 0, "metadata.instance is invalid"),
        ("metadata.instance", 65, "metadata.instance is invalid"),
        ("metadata.instance", "2", "metadata.instance must be an integer"),
        ("metadata.type", "Async", "metadata.type is not supported with 'Async'"),
        ("metadata.workspace_id", "9", "metadata.workspace_id is invalid: there is no workspace 9"),
        ("metadata.group", "Bad-Group", "metadata.group is invalid"),
        ("metadata.group", REMOVE, "metadata.traffic_state is invalid: grouping needs metadata.group"),
        ("metadata.traffic_state", "all", "metadata.traffic_state is invalid"),
        ("metadata.rolling_strategy", {"max_surge": "half"}, "metadata.rolling_strategy.max_surge is invalid"),
        ("metadata.rolling_strategy", {"max_unavailable": True}, "metadata.rolling_strategy.max_unavailable is"),
        ("metadata.disk", "big", "metadata.disk is invalid"),
        ("metadata.shm_size", 0, "metadata.shm_size is invalid"),
        ("metadata.eas.termination_grace_period", 0, "metadata.eas.termination_grace_period is invalid"),
        ("metadata.rpc.keepalive", 0, "metadata.rpc.keepalive is invalid"),
        ("metadata.rpc.batching", True, "metadata.rpc.batching is not supported"),
        ("metadata.rpc.rate_limit", 5, "metadata.rpc.rate_limit is not supported"),
        ("metadata.enable_grpc", True, "metadata.enable_grpc is not supported"),
        ("metadata.qos", "x", "metadata.qos is no member that local PAI knows"),
    ],
)
def test_machines_and_metadata_that_can_not_be_are_refused(path: str, value: Any, said: str) -> None:
    assert said in refusal(changed(path, value)).message


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("containers", [CONTAINER, CONTAINER], "containers is not supported with 2 items"),
        ("containers.0.image", "Not An Image", "containers[0].image is invalid"),
        ("containers.0.port", 8080, "containers[0].port is invalid: EAS uses the ports 8080 and 9090 itself"),
        ("containers.0.port", 9090, "containers[0].port is invalid"),
        ("containers.0.port", 0, "containers[0].port is invalid"),
        ("containers.0.port", 65536, "containers[0].port is invalid"),
        ("containers.0.script", REMOVE, "containers[0].script or containers[0].command is required"),
        ("containers.0.command", "python", "contradict each other"),
        ("containers.0.args", ["a"], "containers[0].args is invalid"),
        ("containers.0.script", "a\0b", "NUL"),
        ("containers.0.resources", {"cpu": 1}, "containers[0].resources is not supported"),
        ("containers.0.securityContext", {}, "containers[0].securityContext is no member"),
        ("containers.0.env", [{"name": "1A", "value": ""}], "containers[0].env[0].name is invalid"),
        ("containers.0.env", [{"value": "x"}], "containers[0].env[0].name is invalid"),
        ("containers.0.env", 2 * [{"name": "A", "value": ""}], "containers[0].env has 'A' twice"),
        ("containers.0.env", [{"name": "A", "value": "\0"}], "containers[0].env[0].value is invalid"),
        ("containers.0.env", {"A": "b"}, "containers[0].env must be a list"),
        ("containers.0.prepare.pythonRequirements", ["-r /etc/passwd"], "pythonRequirements is invalid"),
        ("containers.0.prepare.pythonRequirementsPath", "/ml/usercode/r.txt", "contradict each other"),
        ("containers.0.prepare", {"pythonRequirementsPath": "r.txt"}, "pythonRequirementsPath is invalid"),
        ("containers.0.health_check", {}, "containers[0].health_check is invalid"),
        ("containers.0.health_check", {**CHECK, "tcp_socket": {"port": 1}}, "one of http_get and tcp_socket"),
        ("containers.0.health_check.http_get", {"port": 8000}, "http_get.path is invalid"),
        ("containers.0.health_check.http_get", {"path": "/"}, "http_get.port is invalid"),
        ("containers.0.health_check.period_seconds", 0, "health_check.period_seconds is invalid"),
        ("containers.0.health_check.initial_delay_seconds", -1, "initial_delay_seconds is invalid"),
        ("containers.0.health_check.exec", {"command": ["a"]}, "health_check.exec is no member"),
    ],
)
def test_containers_that_can_not_be_are_refused(path: str, value: Any, said: str) -> None:
    assert said in refusal(changed(path, value)).message


@pytest.mark.parametrize("wrong", [{"command": {"run": "a"}}, {"command": ["a", 1]}, {"command": "a", "args": [1]}])
def test_a_command_is_a_text_or_a_list_of_texts(wrong: dict[str, Any]) -> None:
    refused = refusal(changed("containers.0", {"image": CONTAINER["image"], **wrong}))
    assert "must be a string or a list of strings" in refused.message


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ({"mount_path": "/data", "dataset": {"id": "d-1"}}, "storage[0].dataset is not supported"),
        ({"mount_path": "/data", "nfs": {"server": "s", "path": "/"}}, "storage[0].nfs is not supported"),
        ({"mount_path": "/data", "git": {"repo": "r"}}, "storage[0].git is not supported"),
        ({"mount_path": "/data", "floppy": {}}, "storage[0].floppy is no member"),
        ({"mount_path": "/data"}, "storage[0] is invalid: it must have one of oss and empty_dir"),
        ({**MODEL, "empty_dir": {"medium": "memory"}}, "storage[0] is invalid"),
        ({**MODEL, "mount_path": "model"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "/"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "//"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "//etc"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "//proc/1"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "/dev/shm/x"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "/usr"}, "storage[0].mount_path is invalid"),
        ({**MODEL, "mount_path": "/a/../../b"}, "storage[0].mount_path is invalid"),
        ({"oss": {"path": "oss://bucket/a/"}}, "storage[0].mount_path is invalid"),
        ({**MODEL, "oss": {"path": "s3://bucket/a/"}}, "storage[0].oss.path is invalid"),
        ({**MODEL, "oss": {}}, "storage[0].oss.path is invalid"),
        ({**MODEL, "oss": {"path": "oss://nobucket/a/"}}, "there is no bucket nobucket"),
        ({**MODEL, "oss": {"path": "oss://bucket/a/", "readOnly": False}}, "storage[0].oss.readOnly is not supported"),
    ],
)
def test_storage_that_can_not_be_mounted_is_refused(mount: dict[str, Any], said: str) -> None:
    assert said in refusal(changed("storage", [mount])).message


def test_mounts_that_would_hide_each_other_are_refused() -> None:
    both = [MODEL, {**MODEL, "mount_path": "/eas/workspace/model/sub"}]
    assert "hide each other" in refusal(changed("storage", both)).message


@pytest.mark.parametrize("value", [[], "text", None, 7])
def test_what_is_no_object_is_refused(value: object) -> None:
    assert "must be an object" in refusal(value).message


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("features", {"eas.aliyun.com/extra-ephemeral-storage": "40Gi"}, "features"),
        ("features", {"eas": {"aliyun": {"com/extra-ephemeral-storage": "40Gi"}}}, "features"),
        ("networking", {"gateway": "gw-1"}, "networking"),
        (
            "cloud.networking",
            {"vpc_id": "vpc-1", "vswitch_id": "vsw-1", "security_group_id": "sg-1"},
            "cloud.networking",
        ),
        ("metadata.rdma", 1, "metadata.rdma"),
        ("metadata.gpu_memory", 4, "metadata.gpu_memory"),
        ("storage", [{"mount_path": "/dev/shm", "empty_dir": {"medium": "memory", "size_limit": 64}}], "size_limit"),
    ],
)
def test_what_a_laptop_does_not_have_is_taken_and_named(path: str, value: Any, named: str) -> None:
    config = changed(path, value)
    assert CHECKS.checked(config) == config
    assert any(named in member for member in members_without_effect(config))


def test_nothing_is_named_of_a_service_in_which_all_counts() -> None:
    plain = {"name": "score", "metadata": {"instance": 1}, "containers": [CONTAINER], "storage": [MODEL]}
    assert members_without_effect(plain) == []


@pytest.mark.parametrize(
    "dotted",
    [
        {"metadata": {"rpc.keepalive": 5000, "eas.termination_grace_period": 30}},
        {"metadata.rpc.keepalive": 5000, "metadata": {"eas": {"termination_grace_period": 30}}},
        {"metadata": {"eas.termination_grace_period": 30, "rpc": {"keepalive": 5000}}},
    ],
)
def test_dotted_names_are_paths(dotted: dict[str, Any]) -> None:
    config = {key: value for key, value in FULL.items() if key != "metadata"} | dotted
    read = CHECKS.checked(config)
    assert read["metadata"] == {"rpc": {"keepalive": 5000}, "eas": {"termination_grace_period": 30}}


@pytest.mark.parametrize("name", ["metadata.qos", "metadata.rpc.unheard", "labels.a", "cloud.computing.x"])
def test_dotted_names_that_nothing_is_called_are_refused(name: str) -> None:
    assert f"{name} is no member" in refusal({**FULL, name: 1}).message


@pytest.mark.parametrize(
    ("mount", "taken"),
    [
        ({"mount_path": "/dev/shm", "empty_dir": {"medium": "memory"}}, True),
        ({"mount_path": "/dev/shm/", "empty_dir": {}}, True),
        ({"mount_path": "/dev/shm", "oss": MODEL["oss"]}, False),
        ({"mount_path": "/dev/shm/x", "empty_dir": {}}, False),
        ({"mount_path": "/dev/mem", "empty_dir": {}}, False),
        ({"mount_path": "/cache", "empty_dir": {"medium": "tape"}}, False),
    ],
)
def test_shared_memory_is_a_folder_of_the_instances_own(mount: dict[str, Any], taken: bool) -> None:
    config = changed("storage", [mount])
    if taken:
        assert CHECKS.checked(config) == config
    else:
        assert "storage[0]." in refusal(config).message
