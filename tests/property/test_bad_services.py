"""A thousand services that can't work: each is refused by the name of what is wrong, and nothing comes into being."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt
from tests.support.deploying import OLD, deploying, source

_NOT_TEXTS: Sequence[Any] = (5, 1.5, ["a"], {"a": "b"}, b"bytes", object())
_NOT_DICTS: Sequence[Any] = (5, "text", ["a"], True)
_NOT_WHOLE: Sequence[Any] = (0, -1, "x", 1.5, [1], {}, True)
_NO_URIS: Sequence[Any] = (*_NOT_TEXTS, "", " ", "None", "/models/", "s3://bucket/a/", "oss://", "oss://B/a/", "a\0b")

BAD: Mapping[str, Sequence[Any]] = {
    "service_name": (*_NOT_TEXTS, None, "", "ab", "Iris", "iris-model", "iris model", "x" * 64, "é" * 5, "abc\0"),
    "model_uri": (*_NO_URIS, "oss://pai-local/no/such/folder/", "oss://no-such-bucket/a/", " oss://pai-local/models/"),
    "model_mount_path": (*_NOT_TEXTS, "", "model", "/", "/a/../..", "/ml/usercode", "/a\0"),
    "processor": (*_NOT_TEXTS, ""),
    "image_uri": (*_NOT_TEXTS, None, "", " ", "an image:1", "image\0"),
    "command": (*_NOT_TEXTS, None, "", " \n", "echo \0", "echo \ud800"),
    "source_dir": (
        *(5, ["a"], " ", "", "/does/not/exist", "does/not/exist", "oss://bucket/code.tar.gz", "oss://BUCKET/a/"),
        *("oss://pai-local/no/such/folder/", "s3://bucket/code/", "/dev/null", __file__),
    ),
    "port": (*_NOT_WHOLE, 8080, 9090, 65536),
    "environments": (*_NOT_DICTS, {"a": None}, {"1a": "x"}, {"a-b": "x"}, {"a": "\0"}, {"": "x"}, {"A": ["x"]}),
    "requirements": (5, "numpy", {"a": 1}, [5], ["-e ."], ["--index-url x"], [""], ["a\nb"], ["a\0"]),
    "instance_type": (*_NOT_TEXTS, None, "", "large", "ecs", "ecs.c6.gigantic", "ECS.C6.LARGE"),
    "resource_id": (*_NOT_TEXTS, "", "a b", "é"),
    "cpu": (2, "x", [1], True, 0),
    "memory": (4, "x", [1], True, float("nan")),
    "gpu": (1, "x", [1], True, -1),
    "instance_count": _NOT_WHOLE,
    "group": (*_NOT_TEXTS, "", "ab", "My-Group"),
    "user_vpc_config": (
        *_NOT_DICTS,
        *({}, {"vpc_id": "vpc-1"}, {"vpc_id": "a b", "security_group_id": "sg-1"}, {"vpc": "vpc-1"}),
        {"vpc_id": "vpc-1", "security_group_id": "sg-1", "extended_cidrs": ["10.0.0.0/8"]},
        {"vpc_id": "vpc-1", "security_group_id": "sg-1", "default_route": "eth0"},
    ),
    "labels": (*_NOT_DICTS, {"": "x"}, {"a": None}, {1: "x"}, {"airflow.config": "x"}, {"a": "\0"}),
    "health_check": (
        *_NOT_DICTS,
        *({"path": "health"}, {"path": 5}, {"interval": 5}, {"period_seconds": "5"}, {"timeout_seconds": -1}),
    ),
    "extra_config": (
        *_NOT_DICTS,
        *({"name": "other"}, {"labels": {}}, {"metadata": {"name": "other"}}, {1: 2}, {"a": object()}),
        {"a": float("nan")},
    ),
    "strategy": (*_NOT_TEXTS, None, "", "big_bang", "Canary"),
    "steps": (*_NOT_DICTS, [], [50, 10], [0, 100], [101], ["ten"], [10, 10]),
    "step_pause": (-1, "x", None, True, float("inf")),
    "smoke_test": (5, "GET /", ["a"], {"pth": "/"}, {"path": "x"}, {"timeout": -1}, {"method": "FETCH"}),
    "on_failure": ("", "ignore", None, True),
    "startup_timeout": (0, -1, "x", None, True, float("nan")),
    "poll_interval": (0, -1, "x", True, float("nan")),
    "outage_limit": (-1, "x", None, True, float("inf")),
}


@pytest.fixture
def arguments(pai: LocalPAI, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What a service needs that can work; after the test nothing has come into being."""
    arguments = {"name": "iris", "model_uri": OLD.stored(), "source_dir": source(tmp_path / "source")}
    pai.faults.reset_counts()
    yield arguments
    reading = ("List", "Get", "Head", "Describe", "oss:GET", "oss:HEAD")
    assert not {name for name in pai.faults.counts() if not name.startswith(reading)}


def _broken(chance: random.Random) -> dict[str, Any]:
    names = chance.sample(sorted(BAD), chance.choice((1, 1, 2, 3)))
    return {name: chance.choice(BAD[name]) for name in names}


def _check(arguments: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException) as caught:
        deploying(**{**arguments, **wrong}).execute(Attempt().context)
    message = str(caught.value)
    missed = [name for name in wrong if not re.search(rf"(?:^|\n  - ){name}\b", message)]
    assert not missed, f"{wrong!r} is refused without naming {missed}: {message}"


def test_every_wrong_value_is_refused_alone(arguments: dict[str, Any]) -> None:
    for name, values in BAD.items():
        for value in values:
            _check(arguments, {name: value})


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_combinations_are_each_refused_by_every_argument_that_is_wrong(
    arguments: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        _check(arguments, _broken(chance))
