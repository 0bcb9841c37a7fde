"""What can't be registered is said by name, before anything is created."""

from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_pai.model.registry.spec import RegistrationSpec, registration_problems


def problems(**members: Any) -> list[str]:
    return [str(each) for each in registration_problems(RegistrationSpec("churn", **members))]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_metrics_that_json_does_not_have_are_named(value: float) -> None:
    assert problems(metrics={"loss": value, "accuracy": 0.9}) == [f"metrics['loss'] is {value}; leave it out"]


@pytest.mark.parametrize("value", [{"deep": [math.nan]}, b"bytes", object(), {1: {2, 3}}])
def test_metrics_that_are_no_json_are_refused(value: object) -> None:
    (found,) = problems(metrics={"loss": value})
    assert found.startswith("metrics can't be written as JSON (")


@pytest.mark.parametrize("name", ["metrics", "labels", "inference_spec"])
@pytest.mark.parametrize("value", [["x"], "text", 1])
def test_what_must_be_a_dict_and_is_none_is_refused(name: str, value: object) -> None:
    (found,) = problems(**{name: value})
    assert found.startswith(f"{name} must be a dict, not ")


@pytest.mark.parametrize("labels", [{1: "x"}, {"x": 1}, {"x": None}])
def test_labels_of_other_types_are_refused(labels: Any) -> None:
    (found,) = problems(labels=labels)
    assert "must be a text with a text" in found


def test_long_metrics_are_refused_with_the_longest_of_them() -> None:
    (found,) = problems(metrics={"short": 1, "long": "x" * 9000})
    assert found.endswith("8192 at most; leave out, for example, 'long'")
