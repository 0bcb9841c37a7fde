"""Jobs as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_pai.local.columns import aligned

COLUMNS = ("TrainingJobId", "Status", "GmtCreateTime", "TrainingJobName", "ReasonMessage")


def rows(records: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what the table shows of jobs."""
    return [{name: str(record.get(name) or "") for name in COLUMNS} for record in records]


def lines(table: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the table as text: a head and a line for each job; what a job's author wrote stays on its line."""
    return aligned(COLUMNS, table) if table else ["no training jobs"]
