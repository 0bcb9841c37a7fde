from __future__ import annotations

import math
from fractions import Fraction

import pytest

from airflow_provider_pai.model.gate.arguments import numbers_in, read_bars, read_comparisons, read_metrics
from airflow_provider_pai.model.gate.gate import Bar, Comparison


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
def test_a_wrong_bar_is_told_in_one_sentence(value: object, said: str) -> None:
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
def test_a_wrong_comparison_is_told_in_one_sentence(value: object, said: str) -> None:
    (problem,) = map(str, read_comparisons(value)[1])
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "metrics: a must be a finite number, not float (nan)"),
        (math.inf, "metrics: a must be a finite number, not float (inf)"),
        (None, "metrics: a must be a finite number, not NoneType (None)"),
        ("good", "metrics: a must be a finite number, not str ('good')"),
        (True, "metrics: a must be a finite number, not bool (True)"),
        ([0.9], "metrics: a must be a finite number, not list ([0.9])"),
    ],
)
def test_a_metric_that_is_no_number_is_told(value: object, said: str) -> None:
    metrics, problems = read_metrics({"a": value, "b": 1}, ["a", "b"], "metrics")
    assert (metrics, list(map(str, problems))) == ({"b": 1.0}, [said])


def test_a_missing_metric_is_told_once_with_what_there_is() -> None:
    for metrics, has in (({"b": 1, "c": "x"}, "b, c"), ({}, "nothing")):
        (problem,) = read_metrics(metrics, ["a", "a"], "model_uri", "m.json")[1]
        assert str(problem) == f"model_uri: m.json: there is no metric 'a'; it has {has}"


def test_a_metric_that_nobody_needs_may_be_anything() -> None:
    assert read_metrics({"a": 0.5, "note": "x", "gap": math.nan}, ["a"], "metrics") == ({"a": 0.5}, [])


def test_metrics_that_a_template_made_text_are_told_with_what_to_do() -> None:
    (problem,) = map(str, read_metrics("{'a': 1}", ["a"], "metrics")[1])
    assert problem.endswith("a template gives text, so use the task's .output")


def test_every_kind_of_number_is_one() -> None:
    assert numbers_in({"a": 1, "b": Fraction(1, 2), "c": " 0.25 ", "d": "nan", "e": object()}) == {
        "a": 1.0, "b": 0.5, "c": 0.25,
    }  # fmt: skip
