from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.gate.gate import Bar, Champion, Comparison, GateVerdict, judge

METRICS = {"accuracy": 0.95, "loss": 0.2, "auc": 0.99}


def champion(**metrics: float) -> Champion:
    return Champion("svc", "oss://bucket/champion/", 3, metrics)


NAMELESS = Champion("svc", "oss://bucket/champion/", 3)
BETTER = Comparison("accuracy", min_improvement=0.01)
LOWER = Comparison("loss", higher_is_better=False)

CASES: dict[str, tuple[dict[str, Any], bool, str | None, float | None]] = {
    "above its bar": ({"bars": [Bar("accuracy", 0.9)]}, True, "accuracy", 0.05),
    "exactly at its bar": ({"bars": [Bar("accuracy", 0.95)]}, True, "accuracy", 0.0),
    "under its bar": ({"bars": [Bar("accuracy", 0.97)]}, False, "accuracy", -0.02),
    "under its greatest value": ({"bars": [Bar("loss", None, 0.3)]}, True, "loss", 0.1),
    "over its greatest value": ({"bars": [Bar("loss", None, 0.1)]}, False, "loss", -0.1),
    "the nearer end of a range decides": ({"bars": [Bar("loss", 0.1, 0.25)]}, True, "loss", 0.05),
    "the tightest pass decides": ({"bars": [Bar("auc", 0.5), Bar("accuracy", 0.94)]}, True, "accuracy", 0.01),
    "the worst failure decides": ({"bars": [Bar("accuracy", 0.96), Bar("loss", None, 0.1)]}, False, "loss", -0.1),
    "a failure decides over a tight pass": ({"bars": [Bar("auc", 0.99), Bar("loss", None, 0.1)]}, False, "loss", -0.1),
    "as good as the champion": (
        {"comparisons": [Comparison("accuracy")], "champion": champion(accuracy=0.95)}, True, "accuracy", 0.0
    ),
    "better than the champion": (
        {"comparisons": [Comparison("accuracy")], "champion": champion(accuracy=0.9)}, True, "accuracy", 0.05
    ),
    "worse than the champion": (
        {"comparisons": [Comparison("accuracy")], "champion": champion(accuracy=0.96)}, False, "accuracy", -0.01
    ),
    "better by what is wanted, in spite of rounding": (
        {"comparisons": [Comparison("accuracy", min_improvement=0.05)], "champion": champion(accuracy=0.9)},
        True, "accuracy", 0.0,
    ),
    "better, but not by what is wanted": (
        {"comparisons": [BETTER], "champion": champion(accuracy=0.945)}, False, "accuracy", -0.005
    ),
    "worse by what is borne": (
        {"comparisons": [Comparison("accuracy", min_improvement=-0.02)], "champion": champion(accuracy=0.96)},
        True, "accuracy", 0.01,
    ),
    "a lower loss is better": ({"comparisons": [LOWER], "champion": champion(loss=0.3)}, True, "loss", 0.1),
    "a higher loss is worse": ({"comparisons": [LOWER], "champion": champion(loss=0.1)}, False, "loss", -0.1),
    "a lower loss that does not improve enough": (
        {"comparisons": [Comparison("loss", False, 0.05)], "champion": champion(loss=0.22)}, False, "loss", -0.03
    ),
    "a champion at zero": ({"comparisons": [LOWER], "champion": champion(loss=0.0)}, False, "loss", -0.2),
    "no champion yet": ({"comparisons": [BETTER]}, True, None, None),
    "no champion yet, but under a bar": (
        {"bars": [Bar("accuracy", 0.97)], "comparisons": [BETTER]}, False, "accuracy", -0.02
    ),
    "a champion without metrics": ({"comparisons": [BETTER], "champion": NAMELESS}, False, "accuracy", None),
    "a champion without this metric": (
        {"comparisons": [LOWER, BETTER], "champion": champion(loss=0.3)}, False, "accuracy", None
    ),
    "a champion without metrics that lets pass": (
        {"comparisons": [BETTER], "champion": NAMELESS, "unknown_passes": True}, True, None, None
    ),
    "a champion without metrics that lets pass, under a bar": (
        {"bars": [Bar("accuracy", 0.97)], "comparisons": [BETTER], "champion": NAMELESS, "unknown_passes": True},
        False, "accuracy", -0.02,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_names_the_metric_that_decided_and_by_how_much(name: str) -> None:
    arguments, passed, decided_by, margin = CASES[name]
    verdict = judge(METRICS, **arguments)
    assert (verdict.passed, verdict.decided_by) == (passed, decided_by)
    assert verdict.margin == (margin if margin is None else pytest.approx(margin))
    json.dumps(verdict.to_json(), allow_nan=False)


def test_a_reason_has_value_limit_and_margin() -> None:
    assert judge(METRICS, [Bar("accuracy", 0.97)]).reason == (
        "accuracy is 0.95, must be at least 0.97 (its bar): misses by 0.02"
    )
    verdict = judge(METRICS, comparisons=[Comparison("loss", False, 0.01)], champion=champion(loss=0.3))
    assert verdict.reason == ("loss is 0.2, must be at most 0.29 (the champion's 0.3 and 0.01 better): holds by 0.09")


def test_every_failure_is_in_the_reason() -> None:
    reason = judge(METRICS, [Bar("accuracy", 0.97), Bar("loss", None, 0.1), Bar("auc", 0.5)]).reason
    assert "accuracy" in reason
    assert "loss" in reason
    assert "auc" not in reason


def test_it_says_that_there_is_no_champion() -> None:
    assert "no champion to compare with yet" in judge(METRICS, [Bar("accuracy", 0.9)], [BETTER]).reason


def test_it_says_what_is_not_known_of_the_champion() -> None:
    assert judge(METRICS, comparisons=[BETTER], champion=NAMELESS).reason == (
        "accuracy of the champion of service svc is not known (oss://bucket/champion/)"
    )


def test_the_model_that_is_served_already_is_not_held_against_itself() -> None:
    served = champion(accuracy=0.95)
    verdict = judge(METRICS, comparisons=[BETTER], champion=served, model_uri=served.model_uri)
    assert (verdict.passed, verdict.reason) == (True, "this is the champion itself, that of service svc")


def test_the_result_has_values_of_both_models() -> None:
    verdict = judge(METRICS, [Bar("auc", 0.9)], [BETTER], champion(accuracy=0.9, precision=0.8))
    assert verdict.to_json() == {
        "passed": True,
        "decided_by": "accuracy",
        "margin": pytest.approx(0.04),
        "reason": str(verdict.reason),
        "values": {"auc": 0.99, "accuracy": 0.95},
        "champion": {"service": "svc", "model_uri": "oss://bucket/champion/", "version": 3},
        "champion_values": {"accuracy": 0.9},
    }


def test_the_result_without_a_champion_says_so() -> None:
    result = GateVerdict(True, "").to_json()
    assert (result["champion"], result["champion_values"]) == (None, {})


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(value=finite, minimum=finite)
def test_a_model_passes_a_bar_exactly_when_it_reaches_it(value: float, minimum: float) -> None:
    close = math.isclose(value, minimum, rel_tol=1e-9, abs_tol=1e-9)
    assert judge({"m": value}, [Bar("m", minimum)]).passed == (value >= minimum or close)
    assert judge({"m": value}, [Bar("m", None, minimum)]).passed == (value <= minimum or close)


@given(value=finite, best=finite)
def test_of_two_different_models_exactly_one_is_the_better(value: float, best: float) -> None:
    first = judge({"m": value}, comparisons=[Comparison("m")], champion=Champion("s", metrics={"m": best}))
    second = judge({"m": best}, comparisons=[Comparison("m")], champion=Champion("s", metrics={"m": value}))
    same = math.isclose(value, best, rel_tol=1e-9, abs_tol=1e-9)
    assert (first.passed, second.passed) == ((True, True) if same else (value > best, best > value))
