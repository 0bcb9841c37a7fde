from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.log_cursor import LogCursor, is_log_label
from airflow_provider_pai.model.training.owner_labels import LABEL_BYTES

NAMES = st.from_regex(r"(?:master|worker|chief)-[0-9]{1,3}", fullmatch=True) | st.just("")
CURSORS = st.builds(LogCursor, st.integers(0, 20), st.dictionaries(NAMES, st.integers(0, 10**9), max_size=60))


@given(CURSORS, st.integers(1, 1000))
def test_a_cursor_survives_in_labels(cursor: LogCursor, try_number: int) -> None:
    assert LogCursor.from_labels(cursor.labels(try_number), try_number) == cursor


@given(CURSORS, st.integers(1, 1000))
def test_no_label_breaks_the_rules_for_labels(cursor: LogCursor, try_number: int) -> None:
    for name, value in cursor.labels(try_number).items():
        assert is_log_label(name)
        assert len(value.encode()) <= LABEL_BYTES
        assert not set("=,") & set(name + value)


@given(CURSORS, CURSORS, st.integers(1, 1000))
def test_the_log_of_another_try_begins_at_the_beginning(older: LogCursor, newer: LogCursor, try_number: int) -> None:
    left = older.labels(try_number)
    assert LogCursor.from_labels(left, try_number + 1) == LogCursor()
    assert LogCursor.from_labels({**left, **newer.labels(try_number + 1)}, try_number + 1) == newer


@given(CURSORS)
def test_a_cursor_survives_in_an_event(cursor: LogCursor) -> None:
    assert LogCursor.from_json(json.loads(json.dumps(cursor.to_json()))) == cursor


def test_an_event_without_a_cursor_has_none() -> None:
    assert LogCursor.from_json(None) is None


@pytest.mark.parametrize("value", ["", "x", "3", "3.", "3.x/a:1", "three.1", "-3.1"])
def test_a_malformed_label_means_the_beginning(value: str) -> None:
    assert LogCursor.from_labels({"airflow.log": value}, 3) == LogCursor()


def test_the_readable_parts_of_a_spoilt_label_are_read() -> None:
    assert LogCursor.from_labels({"airflow.log": "3.4/master-0:12/worker-0/:/worker-1:x"}, 3) == LogCursor(
        4, {"master-0": 12}
    )


def test_a_name_that_no_label_can_hold_is_left_out() -> None:
    assert LogCursor(1, {"a=b": 1, "x" * 200: 2, "fine": 3}).labels(1) == {"airflow.log": "1.1/fine:3"}
