"""Whether a run is better than the last."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.monitor.comparison import ComparisonOutcome, compare
from airflow_provider_pai.model.monitor.curve import Curve


def curve(name: str, *values: float | None, unit: str = "step") -> Curve:
    return Curve(name, unit, tuple((float(place), value) for place, value in enumerate(values)))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("loss", "better"),
        ("valLoss", "better"),
        ("rmse", "better"),
        ("train/perplexity", "better"),
        ("kl", "better"),
        ("validation_accuracy", "worse"),
        ("auc", "worse"),
        ("f1", "worse"),
        ("mAP", "worse"),
        ("throughput", "worse"),
        ("learning_rate", "changed"),
        ("clicks", "changed"),
        ("loss_score", "changed"),
    ],
)
def test_the_name_of_a_metric_decides_whether_lower_is_better(name: str, outcome: str) -> None:
    found = compare(curve(name, 0.5), curve(name, 0.7), is_partial=False)
    assert found is not None
    assert found.outcome == outcome


def test_a_run_that_has_ended_is_compared_by_its_last_value() -> None:
    found = compare(curve("loss", 3, 2), curve("loss", 3, 2, 1), is_partial=False)
    assert found is not None
    assert (found.value, found.before, found.outcome, found.place) == (2, 1, ComparisonOutcome.WORSE, None)


def test_an_unfinished_run_is_compared_at_the_same_place() -> None:
    found = compare(curve("loss", 3, 1.5), curve("loss", 3, 2, 1), is_partial=True)
    assert found is not None
    assert (found.before, found.outcome, found.place) == (2, ComparisonOutcome.BETTER, 1.0)


def test_a_diverged_run_is_compared_with_nothing() -> None:
    assert compare(curve("loss", 3, None), curve("loss", 3), is_partial=False) is None
    assert compare(curve("loss"), curve("loss", 3), is_partial=False) is None


def test_equal_values_are_the_same() -> None:
    found = compare(curve("loss", 1), curve("loss", 1), is_partial=False)
    assert found is not None
    assert found.outcome is ComparisonOutcome.SAME
