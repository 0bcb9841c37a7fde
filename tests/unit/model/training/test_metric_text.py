"""Texts that metrics are searched in, and which of them are values."""

from __future__ import annotations

import pytest

from airflow_provider_pai.model.training.metric_text import (
    LONGEST_SEARCHED,
    metric_value,
    no_value_reason,
    searched_texts,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), ("-1e-3", -0.001), ("+2.", 2.0), (".25", 0.25), (" 7 ", 7.0), ("1E5", 1e5), ("0012", 12.0)],
)
def test_numbers_are_values(text: str, value: float) -> None:
    assert metric_value(text) == value


@pytest.mark.parametrize(
    "text",
    ["nan", "NaN", "-inf", "Infinity", "1e999", "1,234.5", "93%", "", "-", "1_000", "0x10", "1.2.3", "tensor(0.5)"],
)
def test_what_is_no_finite_number_is_no_value(text: str) -> None:
    assert metric_value(text) is None
    assert repr(text) in no_value_reason("loss", text)


def test_a_long_text_is_named_in_part() -> None:
    assert len(no_value_reason("loss", "x" * 10_000)) < 200


def test_each_state_of_a_progress_bar_is_searched() -> None:
    assert searched_texts("\r 1% loss=0.9\r 2% loss=0.5\r") == [" 1% loss=0.9", " 2% loss=0.5"]


@pytest.mark.parametrize(
    "printed", ["loss=\x1b[32m0.5\x1b[0m", "\x1b[1;31mloss=0.\x1b[K5", "\x1b]0;title\x07loss=0.5", "lo\x1b[2Kss=0.5"]
)
def test_escape_sequences_are_no_part_of_a_value(printed: str) -> None:
    assert searched_texts(printed) == ["loss=0.5"]


def test_all_of_a_line_is_searched_and_of_a_very_long_one_the_end() -> None:
    assert searched_texts(line := "loss=1 " + "x" * 60_000) == [line]
    (text,) = searched_texts("loss=1 " + "x" * 100_000 + " loss=2")
    assert len(text) == LONGEST_SEARCHED
    assert text.endswith(" loss=2")
    (coloured,) = searched_texts("y" * 10 + "\x1b[0mz" * 50_000)
    assert coloured.endswith("z" * 1000)
