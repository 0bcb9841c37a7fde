"""Numbers and dates in requests: texts of any length, from anybody."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

_MAX_DIGITS = 18


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
