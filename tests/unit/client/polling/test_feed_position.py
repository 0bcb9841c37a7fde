from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_pai.client.polling.feed_position import (
    FIRST_OVERLAP,
    LARGEST_OVERLAP,
    FeedPosition,
    is_by_change,
    is_in_order,
)

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)


def at(*seconds: float) -> list[datetime]:
    return [BEGIN + timedelta(seconds=each) for each in seconds]


def placed(second: float = 1000.0) -> FeedPosition:
    position = FeedPosition()
    position.advance([("train1", *at(second))], deep=True)  # type: ignore[list-item]
    return position


def test_the_first_look_only_takes_note_of_where_the_feed_stands() -> None:
    assert FeedPosition().is_reached(BEGIN, deep=True)


def test_the_second_of_the_newest_change_is_read_again_for_others_of_the_same_second() -> None:
    position = placed()
    assert not position.is_reached(*at(1000), deep=False)
    assert position.is_reached(*at(999), deep=False)


def test_a_deep_look_goes_down_as_far_as_a_change_may_be_late() -> None:
    position, floor = placed(), 1000 - FIRST_OVERLAP.total_seconds()
    assert not position.is_reached(*at(floor), deep=True)
    assert position.is_reached(*at(floor - 1), deep=True)


def test_a_change_that_comes_late_makes_all_later_looks_go_further_down() -> None:
    position = placed()
    position.record_late(*at(940))
    assert position.overlap >= timedelta(seconds=60)


def test_a_change_between_two_deep_looks_was_not_late_for_sure() -> None:
    position = placed()
    position.advance([("train2", *at(1030))], deep=False)  # type: ignore[list-item]
    position.record_late(*at(1005))
    assert position.overlap == FIRST_OVERLAP


def test_a_time_that_can_not_be_true_hides_no_later_change() -> None:
    position = placed()
    far = BEGIN + timedelta(days=3650)
    position.advance([("liar", far), ("train1", *at(1000))], deep=True)  # type: ignore[list-item]
    position.record_late(*at(1010))
    position.advance([("liar", far), ("train2", *at(1010))], deep=True)  # type: ignore[list-item]
    assert position.watermark == at(1010)[0]


def test_a_clock_that_is_set_back_moves_the_position_back() -> None:
    position = placed(10_000.0)
    set_back = 10_000 - LARGEST_OVERLAP.total_seconds() - 60
    position.record_late(*at(set_back))
    assert not position.is_reached(*at(set_back), deep=False)
    assert position.overlap == FIRST_OVERLAP


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([30, 20, 10], True),
        ([30, 30, 30], True),
        ([], True),
        ([30, 20, 25, 10], True),
        ([10, 20, 30, 40], False),
        ([30, 20, 41], False),
    ],
    ids=["sorted", "one second", "empty", "a little late", "reversed", "another order"],
)
def test_a_list_counts_as_sorted_within_its_lag(times: list[float], *, expected: bool) -> None:
    assert is_in_order(at(*times), timedelta(seconds=15)) is expected


def test_only_an_order_that_is_not_that_of_creation_proves_the_order_of_changes() -> None:
    modified = at(30, 20, 10)
    assert is_by_change(list(zip(modified, at(2, 3, 1), strict=True)))
    assert not is_by_change(list(zip(modified, at(3, 2, 1), strict=True)))
    assert not is_by_change(list(zip(at(30, 40, 10), at(2, 3, 1), strict=True)))
