from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from airflow_provider_pai.model.values import is_number, kind, number, shown, truth, whole


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("value", [True, "True", "true", " yes\n", "ON", "t", "1", 1, 1.0], ids=repr)
def test_what_is_meant_to_be_true_is(value: object) -> None:
    assert truth(value) is True


@pytest.mark.parametrize("value", [False, "False", "false", "no", "off", "0", 0, "N"], ids=repr)
def test_what_is_meant_to_be_false_is(value: object) -> None:
    assert truth(value) is False


@pytest.mark.parametrize("value", [None, "", "None", "{{ dry }}", 2, -1, [], {}, "maybe", b"True", object], ids=repr)
def test_what_means_neither_is_no_flag(value: object) -> None:
    assert truth(value) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        *((3, 3), ("3", 3), (3.0, 3), ("3.0", 3), (" +3\n", 3), ("-1e2", -100), (0.5, 0.5), ("0.5", 0.5), (".5", 0.5)),
        *((Decimal("0.10"), 0.1), (Fraction(1, 4), 0.25), (1e300, 1e300), ("1e300", 1e300)),
    ],
    ids=repr,
)
def test_a_number_may_be_written_as_a_text(value: object, read: float) -> None:
    assert number(value) == read
    assert type(number(value)) is type(read)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, "", "x", "1_000", "²", "1,5", "nan", "inf", math.nan, math.inf, "1e309", 10**5000),
        *("9" * 5000, [1], {}, 1j, b"1", object, Decimal("NaN"), Decimal("Infinity")),
    ],
    ids=lambda value: shown(value)[:20],
)
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None
    assert not is_number(value)


@pytest.mark.parametrize(
    ("value", "read"), [(43200.0, 43200), ("43200.0", 43200), (1.5, None), (10**18, None)], ids=repr
)
def test_a_whole_number_may_be_written_with_a_point(value: object, read: int | None) -> None:
    assert whole(value) == read


def test_a_number_as_it_stands_is_no_text_and_no_flag() -> None:
    assert is_number(1.5)
    assert not is_number("1.5")
    assert not is_number(True)


@pytest.mark.parametrize("value", ["x" * 100_000, list(range(10_000)), 10**5000, Unspeakable(), b"x" * 1000], ids=type)
def test_a_value_in_a_message_is_short_and_never_an_error(value: object) -> None:
    assert len(shown(value)) <= 60
    assert kind(value).startswith(type(value).__name__)
