"""From an author's arguments for a gate, as they come out of a DAG file, to bars, comparisons and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from airflow_provider_pai.model.gate.gate import Bar, Comparison
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import kind, number, shown

_DIRECTIONS = {"higher": True, "lower": False}


def numbers_in(metrics: Mapping[Any, Any]) -> dict[str, float]:
    """Return the metrics that are finite numbers; what is none is left out."""
    read = {str(name): number(value) for name, value in metrics.items()}
    return {name: value for name, value in read.items() if value is not None}


def is_undefined(value: object) -> bool:
    """Whether a metric was given, and has no value: None, or a number that is not finite."""
    if value is None:
        return True
    try:
        return not isinstance(value, bool) and isinstance(value, Real | str) and not math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def read_bars(value: object) -> tuple[list[Bar], list[Problem]]:
    """Read ``bars``: a number (the least value) or ``min`` and ``max`` by metric.

    Returns:
        The bars, and what is wrong with them.
    """
    if value is None:
        return [], []
    if not isinstance(value, Mapping):
        return [], [Problem("bars", f"must be a dict such as {{'accuracy': {{'min': 0.9}}}}, not {kind(value)}")]
    bars, problems = [], []
    for metric, limits in value.items():
        place = f"[{metric!r}]"
        given = limits if isinstance(limits, Mapping) else {"min": limits}
        wrong = _unknown("bars", place, given, ("min", "max")) or [
            Problem("bars", f"{place}: {name} must be a finite number, not {kind(limit)}")
            for name, limit in given.items()
            if number(limit) is None
        ]
        bar = Bar(str(metric), number(given.get("min")), number(given.get("max")))
        if not given:
            wrong = [Problem("bars", f"{place} must have min, max or both")]
        elif bar.minimum is not None and bar.maximum is not None and bar.minimum > bar.maximum:
            wrong = [Problem("bars", f"{place}: min {bar.minimum:g} is above max {bar.maximum:g}")]
        bars.append(bar)
        problems += wrong
    return bars, problems


def read_comparisons(value: object) -> tuple[list[Comparison], list[Problem]]:
    """Read ``compare``: ``direction`` and ``min_improvement`` by metric.

    Returns:
        The comparisons, and what is wrong with them.
    """
    if value is None:
        return [], []
    if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
        example = "{'accuracy': {'direction': 'higher', 'min_improvement': 0.0}}"
        return [], [Problem("compare", f"must be a dict of dicts such as {example}, not {kind(value)}")]
    comparisons, problems = [], []
    for metric, item in value.items():
        place = f"[{metric!r}]"
        problems += _unknown("compare", place, item, ("direction", "min_improvement"))
        direction, wanted = str(item.get("direction", "higher")), number(item.get("min_improvement", 0.0))
        if direction not in _DIRECTIONS:
            problems.append(Problem("compare", f"{place}: direction must be 'higher' or 'lower', not {direction!r}"))
        if wanted is None:
            text = f"{place}: min_improvement must be a finite number, not {kind(item['min_improvement'])}"
            problems.append(Problem("compare", text))
        comparisons.append(Comparison(str(metric), _DIRECTIONS.get(direction, True), wanted or 0.0))
    return comparisons, problems


@dataclass(frozen=True)
class ModelMetrics:
    """What is known of a model's metrics.

    Attributes:
        values: the metrics that are finite numbers.
        without_value: why others have no value, by name: those that are needed, and those whose last value is no finite
            number. An older value never stands for it.
    """

    values: Mapping[str, float]
    without_value: Mapping[str, str]


def read_metrics(
    value: object, names: Iterable[str], argument: str, file: str = ""
) -> tuple[ModelMetrics, list[Problem]]:
    """Read a model's metrics.

    Args:
        value: metrics by name, as they were given or found.
        names: those that are needed.
        argument: the argument that they are or that names the file they are from.
        file: that file; empty when they are given.

    Returns:
        The metrics, and what is wrong with the argument as a whole.
    """
    place = f": {file}" if file else ""
    if not isinstance(value, Mapping):
        advice = "; a template gives text, so use the task's .output" if isinstance(value, str) else ""
        text = f"{place} must be a dict of numbers by name, not {kind(value)}{advice}"
        return ModelMetrics({}, {}), [Problem(argument, text)]
    read = numbers_in(value)
    given = {str(name): item for name, item in value.items()}
    has = ", ".join(given) or "nothing"
    source = file or argument
    without = {
        name: f"it is {shown(item)}, which is no finite number" for name, item in given.items() if name not in read
    }
    missing = f"{source} has {has}; a metric whose last value is no finite number has no value"
    without |= {name: missing for name in dict.fromkeys(names) if name not in given}
    return ModelMetrics(read, without), []


def _unknown(argument: str, place: str, given: Mapping[Any, Any], known: tuple[str, ...]) -> list[Problem]:
    unknown = ", ".join(sorted({str(name) for name in given} - set(known)))
    return [Problem(argument, f"{place}: unknown {unknown}; it may have {' and '.join(known)}")] if unknown else []
