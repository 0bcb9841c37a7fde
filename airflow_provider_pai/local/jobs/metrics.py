"""Metrics that are read from a job's log lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from airflow_provider_pai.model.spec import MetricDefinition


class MetricReader:
    """Finds values in log lines.

    Args:
        definitions: the metrics; each regular expression has one group, the value.
    """

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self._patterns = [(definition.name, re.compile(definition.regex)) for definition in definitions]

    def values(self, line: str) -> Iterator[tuple[str, float]]:
        """Yield name and value of each metric in a line; what is no finite number is no value."""
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                value = _number(found[1])
                if value is not None:
                    yield name, value


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    # JSON has no NaN and no infinity.
    return value if math.isfinite(value) else None
