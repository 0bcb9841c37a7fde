"""Single values of an author: truths and numbers as they come out of DAG files, templates, forms and variables.

What a value is meant to be is read where it is beyond doubt (``"False"``, ``"3"``, ``43200.0``), and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, TypeGuard

from airflow_provider_pai.model.masking import MASK, looks_secret, masked, masked_text

_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST_WHOLE = 10**18
"""No argument is as large; a longer number is refused as one that can't be."""
_SHOWN = 60
_READ = 10_000
"""Characters that are looked at: a secret that is only begun is none any more by its shape."""


def truth(value: object) -> bool | None:
    """Return what a flag means, which may be written as a text, 0 or 1; None for anything that means neither."""
    value = plain_value(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None


def number(value: object) -> float | int | None:
    """Return a finite number, which may be written as a text; None for anything else. A whole number is an int."""
    read = plain_value(value)
    if isinstance(read, str) and _NUMBER.fullmatch(read.strip()):
        read = Decimal(read.strip())
    if isinstance(read, bool) or not isinstance(read, int | float | Real | Decimal):
        return None
    try:
        real = float(read)
    except (OverflowError, ValueError):
        return None
    if isinstance(read, int):
        return read
    if not math.isfinite(real):
        return None
    return math.trunc(real) if real.is_integer() and abs(real) < _LARGEST_WHOLE else real


def whole(value: object) -> int | None:
    """Return a whole number, which may be written as a text or as ``3.0``; None for anything else."""
    read = number(value)
    return read if isinstance(read, int) and abs(read) < _LARGEST_WHOLE else None


def is_number(value: object) -> TypeGuard[float | int]:
    """Whether a value is a finite number as it stands; a flag is none."""
    return isinstance(value, int | float) and number(value) is not None


def plain_value(value: object) -> Any:
    """Return Python's own value for a single one of NumPy's, and any other value as it is."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]
    return value


def with_unix_lines(text: str) -> str:
    """Return a text with the line ends that a shell knows; forms and files of Windows have others."""
    return text.replace("\r\n", "\n").removesuffix("\r")


def shown(value: object, name: str = "") -> str:
    """Return the beginning of a value as a message shows it, without a secret.

    Some values can't be written down, or only at length.

    Args:
        value: any value.
        name: what it is called, which may say that it is a secret.
    """
    if looks_secret(name):
        return MASK
    if isinstance(value, str | bytes):
        value = value[:_READ]
    try:
        # By name first: in a text, names of members are further from their values.
        value = masked(value) if isinstance(value, Mapping | list | tuple) else value
        written = masked_text(repr(value)[:_READ])
    except Exception:  # noqa: BLE001 - a value of any class: its repr may raise anything
        return "..."
    return written[:_SHOWN]


def kind(value: object, name: str = "") -> str:
    """Return a value's type and the beginning of the value, for a message; ``name`` is as in :func:`shown`."""
    return f"{type(value).__name__} ({shown(value, name)})"
