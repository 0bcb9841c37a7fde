"""Numbers, dates and JSON in texts from outside, of any length and depth."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

_MAX_DIGITS = 18
_MAX_DEPTH = 100


def read_number(text: str) -> int | None:
    """Return the number that a text of decimal digits is; None for any other text, or one of too many digits."""
    return int(text) if len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal() else None


def read_http_date(text: str) -> float | None:
    """Return the seconds since the epoch that a date of HTTP stands for; None for any other text."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        # What a date of no year that there is raises depends on its digits and on the version of Python.
        return None


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text that could be written down again.

    Raises:
        ValueError: it is no JSON, is nested more than 100 deep, or has a number that is none (``NaN``, ``1e999``) or of
            more than 64 bits, or a text that is no Unicode.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    _check(value)
    # A lone surrogate is JSON, but no text that can be written anywhere.
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _check(value: Any) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH):
        if any(isinstance(item, int) and not -(1 << 63) <= item < 1 << 63 for item in level):
            raise ValueError("a number has more than 64 bits")
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise ValueError("it is nested too deep")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
