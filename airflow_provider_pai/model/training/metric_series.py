"""The points of a metric, told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_pai.model.training.metric_text import no_value_reason, point_value

MOST_POINTS = 20
"""Points that a line shows at most."""


@dataclass(frozen=True)
class Series:
    """How a metric went.

    Attributes:
        name: the metric.
        values: its finite values, oldest first.
        last_text: its newest value as it was listed, when that is no finite number: then the metric has no value.
    """

    name: str
    values: tuple[float, ...]
    last_text: str | None = None

    @property
    def last(self) -> float | None:
        """Its newest value; None when that is no finite number."""
        return self.values[-1] if self.values and self.last_text is None else None

    def __str__(self) -> str:
        if self.last_text is not None:
            return no_value_reason(self.name, self.last_text)
        first, last = f"{self.values[0]:g}", f"{self.values[-1]:g}"
        low, high, count = f"{min(self.values):g}", f"{max(self.values):g}", len(self.values)
        if count == 1:
            return f"Metric {self.name}: {first}"
        points = " ".join(f"{value:g}" for value in self.points())
        return f"Metric {self.name}: first {first}, last {last}, min {low}, max {high}, count {count}: {points}"

    def points(self, most: int = MOST_POINTS) -> tuple[float, ...]:
        """Return up to ``most`` values at even distances, the first and the last among them."""
        count = len(self.values)
        if count <= most:
            return self.values
        return tuple(self.values[round(number * (count - 1) / (most - 1))] for number in range(most))


def series_of(points: Iterable[Mapping[str, object]]) -> list[Series]:
    """Sort the points of all metrics, as ListTrainingJobMetrics lists them, into series.

    Points of the same time keep their order; points without a name are left out.
    """
    values: dict[str, list[float]] = {}
    last_texts: dict[str, str | None] = {}
    for point in sorted(points, key=lambda each: str(each.get("Timestamp") or "")):
        if name := str(point.get("Name") or ""):
            number = point_value(point.get("Value"))
            found = values.setdefault(name, [])
            last_texts[name] = str(point.get("Value")) if number is None else None
            if number is not None:
                found.append(number)
    return [Series(name, tuple(each), last_texts[name]) for name, each in values.items()]
