"""From an author's arguments for a gate, as they come out of a DAG file, to bars, comparisons and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from airflow_provider_pai.model.gate.gate import Bar, Comparison
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import kind

_DIRECTIONS = {"higher": True, "lower": False}


def number(value: object) -> float | None:
    """Return a finite number, which may be written as text since a template gives text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        read = float(value)
    except ValueError:
        return None
    return read if math.isfinite(read) else None


def numbers_in(metrics: Mapping[Any, Any]) -> dict[str, float]:
    """Return the metrics that are finite numbers; what is none is left out."""
    read = {str(name): number(value) for name, value in metrics.items()}
    return {name: value for name, value in read.items() if value is not None}


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


def read_metrics(
    value: object, names: Iterable[str], argument: str, file: str = ""
) -> tuple[dict[str, float], list[Problem]]:
    """Read a model's metrics.

    Args:
        value: metrics by name, as they were given or found.
        names: those that are needed.
        argument: the argument that they are or that names the file they are from.
        file: that file; empty when they are given.

    Returns:
        The metrics that are numbers, and what is wrong with those that are needed.
    """
    place = f": {file}" if file else ""
    if not isinstance(value, Mapping):
        advice = "; a template gives text, so use the task's .output" if isinstance(value, str) else ""
        return {}, [Problem(argument, f"{place} must be a dict of numbers by name, not {kind(value)}{advice}")]
    read = numbers_in(value)
    has = ", ".join(map(str, value)) or "nothing"
    return read, [
        Problem(argument, f"{place}: {name} must be a finite number, not {kind(value[name])}")
        if name in value
        else Problem(argument, f"{place}: there is no metric {name!r}; it has {has}")
        for name in dict.fromkeys(names)
        if name not in read
    ]


def _unknown(argument: str, place: str, given: Mapping[Any, Any], known: tuple[str, ...]) -> list[Problem]:
    unknown = ", ".join(sorted({str(name) for name in given} - set(known)))
    return [Problem(argument, f"{place}: unknown {unknown}; it may have {' and '.join(known)}")] if unknown else []
