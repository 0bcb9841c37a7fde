"""How deep a body may be."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.local.http.schema import DEEPEST, is_deeper


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}], ids=["list", "object"])
def test_levels_are_counted_without_calling_itself(wrap: Any) -> None:
    value: Any = 1
    for _ in range(DEEPEST):
        value = wrap(value)
    assert not is_deeper(value, DEEPEST)
    assert is_deeper(wrap(value), DEEPEST)
    for _ in range(100_000):
        value = wrap(value)
    assert is_deeper(value, DEEPEST)
