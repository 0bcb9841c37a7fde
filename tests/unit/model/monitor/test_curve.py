"""Curves: from points and reports to what a chart can show."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.monitor.curve import (
    MOST_POINTS,
    Curve,
    downsampled,
    listed_curves,
    reported_curves,
    sent_points,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def point(name: str, second: int, value: object) -> dict[str, object]:
    return {"Name": name, "Timestamp": f"2026-01-01T00:00:{second:02}Z", "Value": value}


def test_points_of_pai_are_placed_by_the_seconds_since_the_command_began() -> None:
    curves = listed_curves([point("loss", 9, 0.1), point("loss", 5, "0.5"), point("acc", 5, "nan")], START)
    assert curves["loss"] == Curve("loss", "s", ((5.0, 0.5), (9.0, 0.1)))
    assert curves["acc"].points == ((5.0, None),)
    assert listed_curves([point("loss", 9, 1), point("loss", 5, 2)], None)["loss"].points == ((0.0, 2.0), (4.0, 1.0))


def test_points_of_one_second_are_put_behind_each_other_in_their_order() -> None:
    listed = [point("loss", second, value) for second, value in ((5, 4), (5, 3), (5, 2), (5, 1), (9, 0), (9, -1))]
    assert [place for place, _ in listed_curves(listed, START)["loss"].points] == [5.0, 5.25, 5.5, 5.75, 9.0, 9.5]


def test_points_that_can_not_be_placed_are_left_out() -> None:
    assert listed_curves([{"Name": "loss", "Value": 1}, {"Timestamp": "2026-01-01T00:00:00Z", "Value": 1}], START) == {}


def test_reported_values_are_placed_by_step_and_the_later_report_of_a_step_counts() -> None:
    curves = reported_curves({"loss": [(0, 3.0), (10, 2.0), (5, 2.5), (10, 1.0)], "other": [(None, 1.0), (7, None)]})
    assert curves["loss"].points == ((0.0, 3.0), (5.0, 2.5), (10.0, 1.0))
    assert curves["other"].points == ((0.0, 1.0), (1.0, None))


def test_a_curve_has_the_value_of_the_last_point_before_a_place() -> None:
    curve = Curve("loss", "step", ((0, 3.0), (10, 2.0)))
    assert [curve.value_at(place) for place in (-1, 0, 9, 10, 99)] == [None, 3.0, 3.0, 2.0, 2.0]


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=3000),
    st.integers(4, 700),
)
def test_fewer_points_keep_order_ends_and_extremes(values: list[float | None], most: int) -> None:
    points = [(float(place), value) for place, value in enumerate(values)]
    kept = downsampled(points, most)
    assert len(kept) <= max(most, 0)
    assert kept == sorted(set(kept), key=lambda each: each[0])
    assert set(kept) <= set(points)
    finite = [value for _, value in points if value is not None]
    if finite:
        shown = [value for _, value in kept if value is not None]
        assert (min(shown), max(shown)) == (min(finite), max(finite))
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])


@pytest.mark.parametrize("count", [0, 1, MOST_POINTS])
def test_few_points_stay_as_they_are(count: int) -> None:
    points = [(float(place), 1.0) for place in range(count)]
    assert downsampled(points) == points


def test_a_curve_of_ten_thousand_points_is_sent_in_ten_kilobytes() -> None:
    points = [(step * 1.0000001, math.exp(-step / 3000)) for step in range(10_000)]
    assert len(json.dumps(sent_points(points, MOST_POINTS))) < 10_000


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_that_is_sent_is_right_to_six_digits(place: float, value: float) -> None:
    ((sent_place, sent_value),) = json.loads(json.dumps(sent_points([(place, value)], 4), allow_nan=False))
    assert sent_place == pytest.approx(place, rel=1e-8)
    assert sent_value == pytest.approx(value, rel=1e-5)


def test_a_value_that_is_no_number_stays_one() -> None:
    assert sent_points([(3.0, None)], 4) == [[3, None]]
