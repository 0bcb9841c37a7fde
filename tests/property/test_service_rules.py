"""What EAS refuses at create is refused before anything is uploaded: our rules against local EAS's, one by one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest

from airflow_provider_pai.local.eas.checks import ServiceChecks
from airflow_provider_pai.local.http.response import ErrorResponse
from airflow_provider_pai.model.serving.request import labelled, service_body
from airflow_provider_pai.model.serving.validation import read_service

GOOD: Mapping[str, Any] = {
    "service_name": "iris",
    "model_uri": "oss://bucket/model/",
    "image_uri": "registry/team/image:1",
    "command": "python serve.py",
    "source_dir": "oss://bucket/code/",
    "instance_type": "ecs.c6.large",
}
CHECKS = ServiceChecks("1", {"ecs.c6.large"}.__contains__, {"bucket"}.__contains__)
LONG = 200
EDGES: Mapping[str, Sequence[Any]] = {
    "service_name": ("abc", "ab", "1ab", "_ab", "a1_", "aBc", "a-b", "a b", "x" * 63, "x" * 64, "é" * 5, "abc\n", ""),
    "group": ("abc", "ab", "1ab", "_ab", "a-b", "x" * 63, "x" * 64, "abc\n", ""),
    "model_uri": (
        "oss://bucket/m",
        "oss://bucket",
        "oss://bucket/",
        "oss://bucket/a//b/",
        "oss://BUCKET/m/",
        "s3://b/m",
    ),
    "model_mount_path": (
        *(
            "/eas/workspace/model/",
            "/mnt/model",
            "/mnt//model/",
            "//mnt/model",
            "mnt",
            "/",
            "//",
            "/.",
            "/a/..",
            "/a/../b",
        ),
        *(
            "/etc",
            "/etc/model",
            "/usr",
            "/usr/",
            "/bin",
            "/lib",
            "/lib64",
            "/sbin",
            "/dev/model",
            "/dev/shm",
            "/proc/1",
        ),
        *(
            "/a/../b",
            "/sys/fs",
            "/ml",
            "/ml/",
            "/ml/usercode",
            "/ml/usercode/model",
            "/ml/usercode2",
            "/a\0",
            "/a b",
            "/é",
        ),
    ),
    "image_uri": (
        *("image", "image:1", "r/i", "r:5000/i@sha256:" + "0" * 64, "Not An Image", "UPPER/case:1", "i:", ":1", "i@x"),
        *("http://r/i:1", "r//i", "r/i:a b", "r/i:" + "t" * LONG, "-i", "é"),
    ),
    "command": ("x", " ", "a\nb", "a\r\nb", "a\0b", "x" * 100_000),
    "port": (1, 80, 8000, 8080, 9090, 65535, 65536, 0, -1),
    "environments": (
        *({}, {"A": "b"}, {"a_1": ""}, {"1A": "x"}, {"A-B": "x"}, {"A.B": "x"}, {"": "x"}, {"A": "\0"}, {"A": "é\n"}),
        *({"PORT": "1"}, {"A\n": "x"}, {"Ä": "x"}, {"A": 5}, {"A": True}),
    ),
    "requirements": (
        *(["flask"], ["flask==3.0 # why"], ["flask[async]>=2,<4"], ["f @ https://x/f.whl"], ["git+https://x/f"], [" "]),
        *(["-e ."], ["--index-url x"], ["a --pre"], ["./local.whl"], ["local.whl"], ["/tmp/x.tar.gz"], ["a\nb"]),
        *(["f @ file:///x.whl"], ["dir/name"], ["C:\\x.whl"], ["#only a comment"], ["a;python_version<'4'"], ["é"]),
        *(["flask --hash=sha256:" + "0" * 64], ["../up"], ["~/x"], ["$HOME/x"], ["a==1.0 -r x"], ["http:x"]),
    ),
    "instance_count": (1, 2, 64, 0, -1),
    "labels": (
        *({}, {"a": "b"}, {"a": ""}, {"": "b"}, {"a": "b" * 128}, {"a": "b" * 129}, {"k" * 128: "v"}, {"k" * 129: "v"}),
        *(
            {str(n): "" for n in range(45)},
            {str(n): "" for n in range(46)},
            {str(n): "" for n in range(51)},
            {"é": "é"},
        ),
    ),
    "health_check": (
        *({}, {"path": "/h"}, {"path": "h"}, {"path": ""}, {"period_seconds": 1}, {"period_seconds": 0}, {"x": 1}),
        *({"initial_delay_seconds": 0}, {"timeout_seconds": 0}, {"success_threshold": 0}, {"failure_threshold": 0}),
        *({"timeout_seconds": 1.5}, {"timeout_seconds": True}, {"failure_threshold": 10**6}, {"path": "/h i"}),
    ),
    "user_vpc_config": ({"vpc_id": "vpc-1", "security_group_id": "sg-1"}, {"vpc_id": "vpc-1"}),
}


def arguments(**changed: Any) -> dict[str, Any]:
    return {**GOOD, **changed}


def refused(given: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return what our rules say of a service, and what local EAS says of its JSON; empty for what is taken."""
    spec, problems = read_service(given)
    if problems:
        return [str(problem) for problem in problems], ""
    body = labelled(service_body(spec, "1", spec.source_dir), version=1, previous=0, owner="o" * 32)
    try:
        CHECKS.checked(body)
    except ErrorResponse as error:
        return [], error.message
    return [], ""


CASES = [(name, value) for name, values in EDGES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(CASES)])
def test_what_create_refuses_is_refused_before_by_the_arguments_name(name: str, value: Any) -> None:
    ours, theirs = refused(arguments(**{name: value}))
    assert theirs == "", f"only create refuses {name}={value!r:.100}"
    assert all(name in problem for problem in ours)


def test_random_pairs_of_arguments_are_no_other_rule() -> None:
    rng = random.Random(0)
    pairs = [pair for pair in product(CASES, CASES) if pair[0][0] < pair[1][0]]
    for one, other in rng.sample(pairs, 5000):
        _, theirs = refused(arguments(**dict([one, other])))
        assert theirs == "", f"only create refuses {one!r:.100} with {other!r:.100}"
