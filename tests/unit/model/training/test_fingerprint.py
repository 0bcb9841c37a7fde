from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from airflow_provider_pai.model.training.arguments import checked_spec
from airflow_provider_pai.model.training.fingerprint import changed_arguments, fingerprint
from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES
from airflow_provider_pai.model.training.spec import TrainingJobSpec

SPEC = checked_spec(
    {
        "command": "python train.py",
        "instance_type": "ecs.c6.large",
        "image_uri": "registry/image:1",
        "hyperparameters": {"lr": 0.1, "depth": 3},
        "environments": {"A": "1"},
        "labels": {"team": "risk"},
    }
)


def changed(spec: TrainingJobSpec, source: str = "abc") -> tuple[str, ...] | None:
    return changed_arguments(fingerprint(SPEC, "key", "abc"), fingerprint(spec, "key", source))


def test_it_fits_into_a_label() -> None:
    value = fingerprint(SPEC, "key", "abc")
    assert len(value.encode()) <= LABEL_BYTES
    assert not set(value) & set("=,")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hyperparameters", {"lr": "0.2", "depth": "3"}),
        ("command", "python train.py --fast"),
        ("environments", {}),
        ("inputs", {"train": "oss://bucket/data/"}),
        ("instance_count", 2),
        ("image_uri", "registry/image:2"),
        ("max_run_time", 60),
        ("labels", {"team": "sales"}),
    ],
)
def test_it_names_the_argument_that_has_changed(name: str, value: Any) -> None:
    assert changed(replace(SPEC, **{name: value})) == (name,)


def test_source_code_has_changed_when_its_content_has() -> None:
    assert changed(replace(SPEC, source_dir="elsewhere")) == ()
    assert changed(SPEC, "def") == ("source_dir",)


def test_the_order_of_a_dict_and_what_is_filled_in_change_nothing() -> None:
    same = replace(SPEC, hyperparameters={"depth": "3", "lr": "0.1"}, job_name="other")
    assert changed(replace(same, labels={**SPEC.labels, "airflow.detached": "true"})) == ()


def test_two_tasks_do_not_show_that_they_have_equal_values() -> None:
    assert len(changed_arguments(fingerprint(SPEC, "one", "abc"), fingerprint(SPEC, "other", "abc")) or ()) > 20


def test_a_label_of_another_version_can_not_be_compared() -> None:
    value = fingerprint(SPEC, "key", "abc")
    for other in ("", "x", value[:-1], "A" * len(value)):
        assert changed_arguments(other, value) is None


def test_every_argument_is_compared() -> None:
    everything = changed_arguments(fingerprint(SPEC, "one", ""), fingerprint(SPEC, "other", "x")) or ()
    assert set(everything) | {"code", "job_name"} == {field.name for field in fields(TrainingJobSpec)}
