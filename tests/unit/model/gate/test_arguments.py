from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from airflow_provider_pai.model.gate import arguments
from airflow_provider_pai.model.gate.arguments import (
    is_undefined,
    numbers_in,
    read_bars,
    read_comparisons,
    read_gate,
    read_metrics,
)
from airflow_provider_pai.model.gate.gate import GATE_ARGUMENTS, Bar, Comparison


def test_a_bar_is_a_least_value_or_both_ends() -> None:
    bars, problems = read_bars({"accuracy": 0.9, "loss": {"max": 0.3}, "age": {"min": "1", "max": 2}})
    assert problems == []
    assert bars == [Bar("accuracy", 0.9), Bar("loss", None, 0.3), Bar("age", 1.0, 2.0)]


def test_a_comparison_wants_the_higher_value_by_default() -> None:
    comparisons, problems = read_comparisons({"accuracy": {}, "loss": {"direction": "lower", "min_improvement": "0.5"}})
    assert problems == []
    assert comparisons == [Comparison("accuracy"), Comparison("loss", False, 0.5)]


def test_none_is_nothing_to_check() -> None:
    assert read_bars(None) == ([], [])
    assert read_comparisons(None) == ([], [])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([0.9], "bars must be a dict such as {'accuracy': {'min': 0.9}}, not list"),
        ({"a": {}}, "bars['a'] must have min, max or both"),
        ({"a": {"least": 1}}, "bars['a']: unknown least; it may have min and max"),
        ({"a": {"min": "high"}}, "bars['a']: min must be a finite number, not str ('high')"),
        ({"a": None}, "bars['a']: min must be a finite number, not NoneType (None)"),
        ({"a": True}, "bars['a']: min must be a finite number, not bool (True)"),
        ({"a": {"max": math.inf}}, "bars['a']: max must be a finite number, not float (inf)"),
        ({"a": {"min": 2, "max": 1}}, "bars['a']: min 2 is above max 1"),
    ],
)
def test_a_wrong_bar_is_one_problem(value: object, said: str) -> None:
    (problem,) = map(str, read_bars(value)[1])
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["accuracy"], "compare must be a dict of dicts such as"),
        ({"a": "higher"}, "compare must be a dict of dicts such as"),
        ({"a": {"direction": "up"}}, "compare['a']: direction must be 'higher' or 'lower', not 'up'"),
        ({"a": {"direction": ["lower"]}}, "compare['a']: direction must be 'higher' or 'lower'"),
        (
            {"a": {"min_improvement": math.nan}},
            "compare['a']: min_improvement must be a finite number, not float (nan)",
        ),
        ({"a": {"improvement": 1}}, "compare['a']: unknown improvement; it may have direction and min_improvement"),
    ],
)
def test_a_wrong_comparison_is_one_problem(value: object, said: str) -> None:
    (problem,) = map(str, read_comparisons(value)[1])
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "it is nan, which is no finite number"),
        (-math.inf, "it is -inf, which is no finite number"),
        ("nan", "it is 'nan', which is no finite number"),
        (None, "it is None, which is no finite number"),
        ("good", "it is 'good', which is no finite number"),
        (True, "it is True, which is no finite number"),
        ([0.9], "it is [0.9], which is no finite number"),
    ],
)
def test_a_metric_that_is_no_number_has_no_value(value: object, said: str) -> None:
    metrics = read_metrics({"a": value, "b": 1}, ["a", "b"], "metrics")
    assert (metrics.values, metrics.without_value) == ({"b": 1.0}, {"a": said})


def test_a_missing_metric_has_no_value_and_the_message_names_those_that_exist() -> None:
    for metrics, has in (({"b": 1, "c": 2}, "b, c"), ({}, "nothing")):
        read = read_metrics(metrics, ["a", "a"], "m.json")
        assert read.without_value == {
            "a": f"m.json has {has}; a metric has no value when its last one is no finite number"
        }


def test_a_metric_that_is_not_needed_may_be_anything() -> None:
    assert read_metrics({"a": 0.5, "note": "x", "gap": math.nan}, ["a"], "metrics").values == {"a": 0.5}


def test_only_what_was_to_be_a_number_is_undefined() -> None:
    assert all(map(is_undefined, (None, math.nan, -math.inf, "nan", "inf")))
    assert not any(map(is_undefined, (0, 1.5, "0.5", "a note", True, [])))


GATE: dict[str, Any] = {
    **dict.fromkeys(GATE_ARGUMENTS),
    "metrics": {"a": 1},
    "metrics_file": "metrics.json",
    "bars": {"a": 0.5},
    "missing_champion": "fail",
    "on_fail": "fail",
    "follow_task_ids_if_true": (),
    "follow_task_ids_if_false": (),
}


def test_dicts_may_be_written_as_json() -> None:
    texts = {
        "metrics": '{"a": NaN, "b": 2}',
        "bars": '{"a": {"min": "0.5"}}',
        "compare": '{"b": {"direction": "lower"}}',
    }
    given, problems = read_gate({**GATE, **texts, "champion_service": "iris"})
    assert problems == []
    assert given.metrics is not None
    assert (given.metrics["b"], given.bars[0].minimum, given.comparisons[0].higher_is_better) == (2, 0.5, False)


NO_DICTS = ("None", "nan", "[]", "x", 5, True, [1])
NOTHING = ("None", "nan", "{}", "[]", "", " ", 5, True, [1], object())


WRONG = [
    *((name, value) for name in ("bars", "compare", "metrics") for value in ("None", "nan", "[]", "x", 5, True, [1])),
    *(("model_uri", value) for value in NOTHING if value != ""),
    *(("champion_service", value) for value in NOTHING if value != ""),
    *(("metrics_file", value) for value in (*NOTHING, "a/b", None)),
    *((name, value) for name in ("on_fail", "missing_champion") for value in (*NOTHING, None)),
    *(("follow_task_ids_if_true", value) for value in (5, True, [1], object(), None)),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}-{n}" for n, (name, _) in enumerate(WRONG)])
def test_what_can_not_be_is_refused_by_its_name_without_another_error(name: str, value: Any) -> None:
    compared = {"compare": {"a": {}}, "champion_service": "iris"} if name in ("compare", "champion_service") else {}
    _, problems = read_gate({**GATE, **compared, name: value})
    assert name in {problem.argument for problem in problems}


def test_every_kind_of_number_is_one() -> None:
    assert numbers_in({"a": 1, "b": Fraction(1, 2), "c": " 0.25 ", "d": "nan", "e": object()}) == {
        "a": 1.0, "b": 0.5, "c": 0.25,
    }  # fmt: skip


def test_the_names_of_existing_metrics_are_shown_without_a_secret() -> None:
    message = arguments.read_metrics({"--password=hunter2": 1, "loss": 2}, ["auc"], "metrics").without_value["auc"]
    assert "loss" in message
    assert "hunter2" not in message
