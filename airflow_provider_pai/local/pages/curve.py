"""A metric as a curve: SVG in the page, without a script."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pai.local.pages.html import Markup, tag

_WIDTH, _HEIGHT, _MARGIN = 480, 140, 6
_MOST_POINTS = 400


def curve(name: str, values: Sequence[float | None]) -> Markup:
    """Return how a metric went.

    Args:
        name: the metric.
        values: its values, oldest first; None where there was none.
    """
    numbers = [value for value in values if value is not None]
    if not numbers:
        return tag("p", f"{name}: no value")
    low, high = min(numbers), max(numbers)
    last = "no value" if values[-1] is None else f"{values[-1]:g}"
    said = f"{name}: last {last}, first {numbers[0]:g}, min {low:g}, max {high:g}, {len(values)} points"
    points = " ".join(_points(_some(values), low, high))
    line = tag("polyline", points=points, fill="none", stroke="#1a5fb4", stroke_width="1.5")
    return tag("div", tag("p", said), tag("svg", line, width=_WIDTH, height=_HEIGHT, role="img", aria_label=said))


def _some(values: Sequence[float | None]) -> Sequence[float | None]:
    """Return some values at even distances, the last among them."""
    count = len(values)
    if count <= _MOST_POINTS:
        return values
    return [values[round(number * (count - 1) / (_MOST_POINTS - 1))] for number in range(_MOST_POINTS)]


def _points(values: Sequence[float | None], low: float, high: float) -> list[str]:
    across, up = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    steps = max(1, len(values) - 1)
    return [
        f"{_MARGIN + across * number / steps:.1f},{_HEIGHT - _MARGIN - up * _share(value, low, high):.1f}"
        for number, value in enumerate(values)
        if value is not None
    ]


def _share(value: float, low: float, high: float) -> float:
    # Halves first: the distance of two large numbers can be more than a number can be.
    return 0.5 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)
