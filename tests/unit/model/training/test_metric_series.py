from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.metric_series import MOST_POINTS, Series, series_of


def point(name: str, minute: int, value: Any) -> dict[str, Any]:
    return {"Name": name, "Timestamp": f"2026-11-24T03:{minute:02}:00Z", "Value": value}


def test_a_series_is_one_line() -> None:
    series = Series("loss", (3.0, 1.5, 0.25, 0.5))
    assert str(series) == "Metric loss: first 3, last 0.5, min 0.25, max 3, count 4: 3 1.5 0.25 0.5"


def test_a_series_of_one_is_its_value() -> None:
    assert str(Series("accuracy", (0.75,))) == "Metric accuracy: 0.75"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_few_points_at_even_distances_show_a_long_series(values: list[float]) -> None:
    points = Series("loss", tuple(values)).points()
    assert len(points) == min(len(values), MOST_POINTS)
    assert (points[0], points[-1]) == (values[0], values[-1])


def test_points_are_sorted_by_metric_and_time() -> None:
    points = [point("loss", 2, 2.0), point("acc", 1, 0.5), point("loss", 1, 3), point("loss", 2, 1.0)]
    assert series_of(points) == [Series("acc", (0.5,)), Series("loss", (3.0, 2.0, 1.0))]


def test_what_is_no_point_is_left_out() -> None:
    points = [point("", 1, 1.0), point("loss", 1, None), point("loss", 2, math.nan), point("loss", 3, 0.5), {}]
    assert series_of(points) == [Series("loss", (0.5,))]


def test_a_series_without_a_number_in_its_newest_point_has_no_last_value_and_says_why() -> None:
    (series,) = series_of([point("loss", 1, 0.5), point("loss", 2, math.nan)])
    assert (series.values, series.last) == ((0.5,), None)
    assert str(series).startswith("Metric loss has no value: ")
    assert "'nan'" in str(series)
