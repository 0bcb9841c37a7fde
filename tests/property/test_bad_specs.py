"""A thousand jobs that can't work: each is refused by the name of what is wrong, and nothing comes into being."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, training

_TOO_LONG = "x" * 200
_NOT_TEXTS: Sequence[Any] = (5, 1.5, ["a"], {"a": "b"}, b"bytes", object())
_NOT_NAMES: Sequence[Any] = tuple(value for value in _NOT_TEXTS if value != 5)
"""A whole number is a name that a template has left of digits."""
_NOT_DICTS: Sequence[Any] = (5, "text", ["a"], True)
_NOT_WHOLE: Sequence[Any] = (0, -1, "x", 1.5, [1], {}, True)

BAD: Mapping[str, Sequence[Any]] = {
    "command": (*_NOT_TEXTS, None, "", " \n", "echo \0", "echo \ud800", ["python", "train.py"]),
    "instance_type": (*_NOT_TEXTS, None, "", "large", "ecs", "ecs.c6.gigantic", "ECS.C6.LARGE", "ml.none.x"),
    "instance_count": _NOT_WHOLE,
    "image": (
        *(5, "PyTorch", ["PyTorch"], {}, {"framework_name": ""}, {"framework_name": 5}, {"framework": "PyTorch"}),
        *({"framework_name": "Nonesuch"}, {"framework_name": "PyTorch", "framework_version": "99.9"}),
        *({"framework_name": "PyTorch", "accelerator_type": "TPU"}, {"framework_name": "PyTorch", "size": "big"}),
        *(
            {"framework_name": "PyTorch", "image_scope": "play"},
            {"framework_name": "PyTorch", "include_workspace": "maybe"},
        ),
    ),
    "source_dir": (
        *(5, ["a"], " ", "", "/does/not/exist", "does/not/exist", "oss://bucket/train.py", "oss://BUCKET/a/"),
        *("oss://", "oss://b", "/dev/null", "a\0b"),
    ),
    "base_job_name": (*_NOT_NAMES, "--", "\0"),
    "job_type": (*_NOT_TEXTS, "RayJob", "pytorchjob"),
    "hyperparameters": (
        *_NOT_DICTS,
        *({"a": None}, {"a": [1]}, {"a": {"b": 1}}, {1: 2}, {"a b": 1}, {"a-b": 1, "a_b": 2}, {"": 1}, {"a": "\0"}),
        *({"é": 1}, {"a": "\ud800"}),
    ),
    "inputs": (
        *_NOT_DICTS,
        *({"train": None}, {"train": "s3://bucket/a/"}, {"train": "oss://"}, {"train": "oss://B/a/"}, {"train": ""}),
        *({"tr ain": "oss://bucket/a/"}, {"train": " oss://bucket/a/"}, {"train": "oss://bucket//a"}, {1: "d-abc"}),
        *({"a-b": "d-abc", "a.b": "d-abc"}, {"train": "nas://"}, {"train": "odps://p/t"}, {"train": "oss://b:x/a"}),
    ),
    "outputs": (
        *_NOT_DICTS,
        *({"model": None}, {"model": "/models"}, {"model": "oss://B/a/"}, {"mo del": "oss://bucket/a/"}),
        *({"model": "odps://p/tables/t"}, {"model": ""}, {"MODEL": "oss://bucket/a/"}),
    ),
    "output_path": (*_NOT_TEXTS, "/models", "oss://B/", "s3://b/", "oss://bucket/a/ "),
    "checkpoints_path": (*_NOT_TEXTS, "/models", "oss://B/", "http://b/"),
    "max_run_time": _NOT_WHOLE,
    "environments": (*_NOT_DICTS, {"a": None}, {"1a": "x"}, {"a-b": "x"}, {"a": "\0"}, {"": "x"}, {"A": ["x"]}),
    "requirements": (5, "numpy", {"a": 1}, [5], ["-e ."], ["--index-url x"], [""], ["a\nb"], ["a\0"]),
    "labels": (*_NOT_DICTS, {"": "x"}, {_TOO_LONG: "x"}, {"a": _TOO_LONG}, {"a": None}, {1: "x"}, {"airflow.key": "x"}),
    "metric_definitions": (
        5,
        "acc",
        [5],
        [{}],
        [{"name": "a"}],
        [{"name": "a", "regex": "("}],
        [{"name": "a", "regex": "a"}],
    ),
    "description": (*_NOT_NAMES, "\0"),
    "resource_type": (*_NOT_TEXTS, "Fast", "lingjun"),
    "spot_spec": (
        *_NOT_DICTS,
        *({}, {"spot_strategy": "Cheap"}, {"spot_strategy": "SpotWithPriceLimit"}, {"spot_strategy": ["x"]}),
        *({"spot_strategy": "SpotAsPriceGo", "spot_discount_limit": 0.5}, {"strategy": "SpotAsPriceGo"}),
        *({"spot_strategy": "SpotWithPriceLimit", "spot_discount_limit": limit} for limit in (0, 2, -1, "x", 0.555)),
    ),
    "priority": (*_NOT_WHOLE, 3),
    "user_vpc_config": (
        *_NOT_DICTS,
        *({}, {"vpc_id": "vpc-1"}, {"vpc_id": "a b", "security_group_id": "sg-1"}, {"vpc": "vpc-1"}),
        {"vpc_id": "vpc-1", "security_group_id": "sg-1", "extended_cidrs": ["10.0.0.1/8"]},
        {"vpc_id": "vpc-1", "security_group_id": "sg-1", "default_route": "eth7"},
    ),
    "experiment_config": (*_NOT_DICTS, {}, {"experiment_id": "a b"}, {"id": "exp-1"}),
    "settings": (*_NOT_DICTS, {"Turbo": True}, {"Tags": object()}, {"Tags": {1: 2}}, {"Driver": float("nan")}),
    "credential_config": (*_NOT_DICTS, {"a": object()}, {1: 2}),
    "role_arn": (*_NOT_TEXTS, "trainer", "acs:ram::x:role/trainer"),
    "algorithm_version": ("v1", 5),
    "poll_interval": (0, -1, "x", True, float("nan")),
    "outage_limit": (-1, "x", None, True, float("inf")),
    "on_kill": ("", "ignore", None, True),
}


def _broken(chance: random.Random) -> dict[str, Any]:
    names = chance.sample(sorted(BAD), chance.choice((1, 1, 2, 3)))
    return {name: chance.choice(BAD[name]) for name in names}


def _named(message: str, argument: str) -> bool:
    return re.search(rf"(?:^|\n  - ){argument}\b", message) is not None


def test_every_wrong_value_is_refused_alone(pai: LocalPAI) -> None:
    for name, values in BAD.items():
        for value in values:
            _check(pai, {name: value})


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_combinations_are_each_refused_by_every_argument_that_is_wrong(pai: LocalPAI, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        _check(pai, _broken(chance))


@pytest.fixture(autouse=True)
def _nothing_comes_into_being(pai: LocalPAI) -> Any:
    yield
    changing = {name for name in pai.faults.counts() if not name.startswith(("List", "Get", "Head"))}
    assert not changing


def _check(pai: LocalPAI, wrong: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException) as caught:
        training(**wrong).execute(Attempt().context)
    message = str(caught.value)
    missed = [name for name in wrong if not _named(message, name)]
    assert not missed, f"{wrong!r} is refused without naming {missed}: {message}"


def test_the_same_job_without_anything_wrong_is_not_refused(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)")
    request = training(source_dir=str(tmp_path), dry_run=True).execute(Attempt().context)
    assert request["action"] == "CreateTrainingJob"
