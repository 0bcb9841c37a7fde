"""Jobs as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

COLUMNS = ("TrainingJobId", "Status", "GmtCreateTime", "TrainingJobName", "ReasonMessage")


def rows(records: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what the table shows of jobs."""
    return [{name: str(record.get(name) or "") for name in COLUMNS} for record in records]


def lines(table: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the table as text: a head and a line for each job; what a job's author wrote stays on its line."""
    if not table:
        return ["no training jobs"]
    cells = [COLUMNS, *(tuple(_one_line(row[name]) for name in COLUMNS) for row in table)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
