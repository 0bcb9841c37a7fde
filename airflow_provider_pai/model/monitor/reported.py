"""What a running job has reported so far, from the marked lines of its log as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_pai.model.function.report import EntryReader, Report

_MOST_METRICS = 100
_MOST_VALUES = 200_000
"""Values kept of all metrics together: a job may report without an end."""


@dataclass
class ReportedSoFar:
    """Collects reports; unlike :class:`Report` it keeps every value of a metric.

    Attributes:
        report: the last of everything.
        values: of each metric, step and value in the order of the reports.
        progressed: when the last progress was first seen here; None before any.
    """

    report: Report = field(default_factory=Report)
    values: dict[str, list[tuple[int | None, float | None]]] = field(default_factory=dict)
    progressed: datetime | None = None
    _reader: EntryReader = field(default_factory=EntryReader)
    _count: int = 0

    def add(self, lines: Iterable[str], now: datetime) -> None:
        """Take further lines of the log.

        Args:
            lines: the lines, in order.
            now: when they were read.
        """
        before = (self.report.progress, self.report.text)
        for entry in self._reader.entries(lines):
            if "metric" in entry:
                self._add_value(entry)
            else:
                self.report = self.report.updated(entry)
        if (self.report.progress, self.report.text) != before:
            self.progressed = now

    def _add_value(self, entry: Mapping[str, Any]) -> None:
        name, step = entry["metric"], entry.get("step")
        known = Report().updated(entry).metrics
        if not isinstance(name, str) or name not in known or self._count >= _MOST_VALUES:
            return
        if name not in self.values and len(self.values) >= _MOST_METRICS:
            return
        whole = step if isinstance(step, int) and not isinstance(step, bool) else None
        self.values.setdefault(name, []).append((whole, known[name]))
        self._count += 1
