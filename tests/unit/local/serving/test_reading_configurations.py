"""What an instance is to be, read from the service JSON."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.local.serving.health import HealthCheck
from airflow_provider_pai.local.serving.replica_spec import differs_in_count_only, instance_count, read_replica_spec

ALIPAI = {
    "containers": [
        {
            "image": "img:1",
            "port": 8001,
            "script": "\ncd /ml/usercode/\npython app.py\n",
            "env": [{"name": "A", "value": "b"}, {"name": "N", "value": 1}],
            "prepare": {"pythonRequirements": ["flask"]},
        }
    ],
    "storage": [
        {"mount_path": "/ml/usercode/", "oss": {"path": "oss://bkt/code/"}},
        {
            "mount_path": "/models/one/",
            "oss": {"path": "oss://bkt/m/model"},
            "properties": {"resource_type": "model", "resource_use": "base"},
        },
        {"mount_path": "/dev/shm", "empty_dir": {"medium": "memory", "size_limit": 20}},
    ],
    "name": "svc",
    "metadata": {"instance": 2, "rpc": {"keepalive": 10000}},
}


def container(**members: Any) -> dict[str, Any]:
    return {"containers": [{"image": "a:1", "script": "true", **members}]}


def test_what_alipai_sends_is_understood() -> None:
    plan = read_replica_spec({**ALIPAI, "storage": ALIPAI["storage"][:2]})
    assert plan.command == ("/bin/sh", "-c", "\ncd /ml/usercode/\npython app.py\n")
    assert plan.environment == {"LISTENING_PORT": "8001", "MODEL_MOUNT_PATH": "/models/one/", "A": "b", "N": "1"}
    assert (plan.port, plan.requirements, plan.directory) == (8001, ("flask",), "/ml/usercode/")
    mounts = {mount.path: str(mount.uri) for mount in plan.objects}
    assert mounts == {"/ml/usercode/": "oss://bkt/code/", "/models/one/": "oss://bkt/m/model/"}
    assert instance_count(ALIPAI) == 2


@pytest.mark.parametrize(
    ("members", "command"),
    [
        ({"script": "a && b", "command": "ignored"}, ("/bin/sh", "-c", "a && b")),
        ({"script": None, "command": "python 'my app.py'"}, ("python", "my app.py")),
        ({"script": None, "command": ["python", "a.py"], "args": ["--port", 1]}, ("python", "a.py", "--port", "1")),
        ({"script": None, "command": "python", "args": "a.py --port 1"}, ("python", "a.py", "--port", "1")),
    ],
)
def test_commands_are_read_in_all_their_forms(members: dict[str, Any], command: tuple[str, ...]) -> None:
    assert read_replica_spec(container(**members)).command == command


@pytest.mark.parametrize("path", ["/", "", "models", "/a/../etc", "/proc/x", "/dev/x", "/sys"])
def test_nothing_is_mounted_where_it_can_not_be(path: str) -> None:
    storage = {"mount_path": path, "oss": {"path": "oss://bkt/m/"}}
    with pytest.raises(ValueError, match="nothing can be mounted at"):
        read_replica_spec({**container(), "storage": [storage]})


@pytest.mark.parametrize("config", [{}, {"containers": []}, container(script="", command="")])
def test_without_anything_to_run_there_is_no_plan(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the (service|container) has n"):
        read_replica_spec(config)


def test_the_directory_is_the_codes_else_the_models() -> None:
    model = {"mount_path": "/eas/workspace/model/", "oss": {"path": "oss://bkt/m/"}}
    other = {"mount_path": "/data", "oss": {"path": "oss://bkt/d/"}}
    code = {"mount_path": "/ml/usercode", "oss": {"path": "oss://bkt/c/"}}
    assert read_replica_spec({**container(), "storage": [other, model, code]}).directory == "/ml/usercode"
    plan = read_replica_spec({**container(), "storage": [other, model]})
    assert plan.directory == plan.environment["MODEL_MOUNT_PATH"] == "/eas/workspace/model/"
    assert read_replica_spec(container()).directory == ""


def test_checks_are_read_with_the_defaults_of_kubernetes() -> None:
    assert HealthCheck.read(None, 8000) is None
    assert HealthCheck.read({"http_get": {"path": "/h", "port": 9}, "timeout_seconds": 3}, 8000) == HealthCheck(
        9, "/h", patience=3
    )
    tcp = HealthCheck.read(
        {"tcp_socket": {}, "initial_delay_seconds": 5, "failure_threshold": 4, "period_seconds": 2}, 8000
    )
    assert tcp == HealthCheck(8000, delay=5, period=2, failures=4)
    assert tcp is not None
    assert tcp.limit == 13


def test_only_another_number_of_instances_is_a_change_of_scale() -> None:
    more = {**ALIPAI, "metadata": {**ALIPAI["metadata"], "instance": 3}}
    assert differs_in_count_only(ALIPAI, more)
    assert not differs_in_count_only(ALIPAI, ALIPAI)
    assert not differs_in_count_only(ALIPAI, {**more, "containers": []})
    assert differs_in_count_only(container(), {**container(), "metadata": {"instance": 2}})
