"""The points of a metric, told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

MOST_POINTS = 20
"""Points that a line shows at most."""


@dataclass(frozen=True)
class Series:
    """How a metric went.

    Attributes:
        name: the metric.
        values: its values, oldest first; at least one.
    """

    name: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        first, last = f"{self.values[0]:g}", f"{self.values[-1]:g}"
        low, high, count = f"{min(self.values):g}", f"{max(self.values):g}", len(self.values)
        if count == 1:
            return f"{self.name}: {first}"
        points = " ".join(f"{value:g}" for value in self.points())
        return f"{self.name}: first {first}, last {last}, min {low}, max {high}, count {count}: {points}"

    def points(self, most: int = MOST_POINTS) -> tuple[float, ...]:
        """Return up to ``most`` values at even distances, the first and the last among them."""
        count = len(self.values)
        if count <= most:
            return self.values
        return tuple(self.values[round(number * (count - 1) / (most - 1))] for number in range(most))


def series_of(points: Iterable[Mapping[str, object]]) -> list[Series]:
    """Sort the points of all metrics, as ListTrainingJobMetrics lists them, into series.

    Points of the same time keep their order. Points without a name or a finite number are left out.
    """
    values: dict[str, list[float]] = {}
    for point in sorted(points, key=lambda each: str(each.get("Timestamp") or "")):
        name, value = str(point.get("Name") or ""), point.get("Value")
        if name and isinstance(value, int | float) and isfinite(value):
            values.setdefault(name, []).append(float(value))
    return [Series(name, tuple(each)) for name, each in values.items()]
