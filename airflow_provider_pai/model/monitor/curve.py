"""A metric over steps or seconds, with as many points as a chart can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from airflow_provider_pai.model.training.metric_text import point_value
from airflow_provider_pai.model.training.status import moment

MOST_POINTS, MOST_POINTS_BEFORE = 400, 200
"""Points of a curve that is shown, of this run and of one before; a chart has hardly more pixels."""
_DIGITS = 6
Point = tuple[float, float | None]
"""Place and value; None for a value that was not finite."""


@dataclass(frozen=True)
class Curve:
    """How a metric went.

    Attributes:
        name: the metric.
        unit: what the places are: ``step``, or ``s`` for seconds since the job's start.
        points: place and value, in the order of the places.
    """

    name: str
    unit: str
    points: tuple[Point, ...]

    @property
    def last(self) -> float | None:
        """Its newest value; None when that was not finite."""
        return self.points[-1][1] if self.points else None

    def value_at(self, place: float) -> float | None:
        """Return the last value at or before a place; None before the first."""
        before = [value for where, value in self.points if where <= place]
        return before[-1] if before else None


def listed_curves(points: Iterable[Mapping[str, object]], start: datetime | None) -> dict[str, Curve]:
    """Return the curves of points as ListTrainingJobMetrics lists them.

    Args:
        points: of all metrics.
        start: when the job's command began; None counts from the first point.
    """
    found: dict[str, list[tuple[datetime, float | None]]] = {}
    for point in points:
        name, when = str(point.get("Name") or ""), moment(str(point.get("Timestamp") or ""))
        if name and when:
            found.setdefault(name, []).append((when, point_value(point.get("Value"))))
    curves = {}
    for name, timed in found.items():
        timed.sort(key=lambda each: each[0])
        begin = start if start and start <= timed[0][0] else timed[0][0]
        places = _spread([(when - begin).total_seconds() for when, _ in timed])
        curves[name] = Curve(name, "s", tuple(zip(places, (value for _, value in timed), strict=True)))
    return curves


def _spread(seconds: Sequence[float]) -> list[float]:
    """Return places for points in order: those that share a time are put evenly behind it, a second at most.

    Times of metrics have whole seconds: a metric that is printed more often would be a vertical line.
    """
    places: list[float] = []
    for second, group in groupby(seconds):
        count = len(list(group))
        after = len(places) + count
        room = min(1.0, seconds[after] - second) if after < len(seconds) else 1.0
        places += [second + room * number / count for number in range(count)]
    return places


def reported_curves(values: Mapping[str, Sequence[tuple[int | None, float | None]]]) -> dict[str, Curve]:
    """Return the curves of what a job has reported itself.

    Args:
        values: of each metric, step and value in the order of the reports. A metric that has a value without a step is
            counted through.
    """
    curves = {}
    for name, pairs in values.items():
        if any(step is None for step, _ in pairs):
            points = [(float(number), value) for number, (_, value) in enumerate(pairs)]
        else:
            # A job that resumes from a checkpoint reports steps again: the later value counts.
            latest = {float(step): value for step, value in pairs if step is not None}
            points = sorted(latest.items())
        curves[name] = Curve(name, "step", tuple(points))
    return curves


def sent_points(points: Sequence[Point], most: int) -> list[list[float | None]]:
    """Return points of a curve as a page gets them: few, and without digits that no chart can show.

    Args:
        points: the curve's.
        most: how many.
    """
    return [[_short(place, 9), None if value is None else _short(value)] for place, value in downsampled(points, most)]


def _short(value: float, digits: int = _DIGITS) -> float:
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def downsampled(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most so many points of a curve; each stretch keeps its lowest and its highest, so that no peak is lost.

    Args:
        points: the curve's.
        most: how many, at least 4.
    """
    if len(points) <= most:
        return list(points)
    stretches = (most - 2) // 2
    inner = points[1:-1]
    kept: list[Point] = [points[0]]
    for number in range(stretches):
        part = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        finite = [(value, index) for index, (_, value) in enumerate(part) if value is not None]
        ends = {min(finite)[1], max(finite)[1]} if finite else {0}
        kept += [part[index] for index in sorted(ends)]
    return [*kept, points[-1]]
