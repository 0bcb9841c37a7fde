"""What of a printed line is searched for metrics, and which texts are values of one.

All who read metrics from lines follow these rules: local PAI while a job runs, the provider when PAI has no value.
"""

from __future__ import annotations

import re
from math import isfinite

LONGEST_SEARCHED = 64 * 1024
"""Characters of a line that are searched, the last ones: lines of local PAI are no longer."""
SHORTEST_SEARCHED = 4096
"""Characters that are searched, the last ones, where a regular expression takes too long for all of a line: its cost
may grow with their square."""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Escape sequences of terminals: colours, movements of the cursor, titles of windows."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHOWN = 40


def searched_texts(line: str) -> list[str]:
    """Return what is searched of a line, in order: its segments without escape sequences, of a very long one the end.

    A carriage return ends a segment: a progress bar writes each of its states over the one before.

    Args:
        line: a line as it was printed, without its end.
    """
    # What is cut off before the escape sequences go can't be all of the end: sequences may be most of a line.
    segments = (_ANSI.sub("", segment[-4 * LONGEST_SEARCHED :]) for segment in line.split("\r"))
    return [segment[-LONGEST_SEARCHED:] for segment in segments if segment]


def metric_value(text: str) -> float | None:
    """Return the number that a text is; None for one that is none, such as ``nan``, ``93%`` or ``1,234.5``.

    Such a text must not be skipped: an older value would stand for a metric that has none now.
    """
    if not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if isfinite(value) else None


def point_value(value: object) -> float | None:
    """Return the number that a point of a metric has in an answer; None for one that has none, by the same rules."""
    if isinstance(value, str):
        return metric_value(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def no_value_reason(name: str, text: str) -> str:
    """Return the sentence that tells why a metric has no value.

    Args:
        name: the metric.
        text: what its regular expression found last.
    """
    shown = _shortened(text)
    return f"Metric {name} has no value: what was printed last, {shown!r}, is no finite number such as 0.93"


def cut_reason(name: str, text: str, whole: str) -> str:
    """Return the sentence that tells why a metric has no value of which a part was read.

    Args:
        name: the metric.
        text: what its regular expression found last.
        whole: the number of which that is the beginning.
    """
    advice = "let its group take the whole number, for example ([-+0-9.eE]+)"
    return f"Metric {name} has no value: its regex reads {_shortened(text)!r} of {_shortened(whole)!r}; {advice}"


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
