"""The table of the matrix on a page: a row for each environment that was measured, and no other."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BEGIN = "<!-- measured by make test-matrix -->"
END = "<!-- measured: end -->"
_HEAD = "| Airflow | Python | dependencies | outcome | run on, at commit |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """What came of one environment.

    Attributes:
        airflow: the version that was installed.
        python: its two numbers.
        dependencies: ``lowest`` or ``newest``; with a day in brackets, of what had been published by then.
        outcome: ``holds``, or what failed.
        day: when it was run, and of which commit, as in ``2026-11-30, 0531a788``.
    """

    airflow: str
    python: str
    dependencies: str
    outcome: str
    day: str

    @property
    def environment(self) -> tuple[str, str, str]:
        """Return what tells it from the others; a day in brackets may change from run to run."""
        return self.airflow, self.python, self.dependencies.split(" ")[0]

    def __str__(self) -> str:
        return "| " + " | ".join(astuple(self)) + " |\n"


def read_rows(page: str) -> list[Row]:
    """Return the rows that a page has."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    cells = re.findall(r"^\| (\d[^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", table, re.MULTILINE)
    return [Row(*found) for found in cells]


def with_rows(page: str, rows: Iterable[Row]) -> str:
    """Return a page with these rows in its table: each replaces the row of the same environment.

    Raises:
        ValueError: the page has no place for the table.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the two lines {BEGIN} and {END}")
    known = {row.environment: row for row in [*read_rows(page), *rows]}
    table = "".join(map(str, sorted(known.values(), key=_order)))
    return f"{before}{begin}\n\n{_HEAD}{table}\n{end}{after}"


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Put these rows into the table of a page."""
    path.write_text(with_rows(path.read_text(), rows))


def _order(row: Row) -> tuple[list[int], list[int], str]:
    return [int(number) for number in re.findall(r"\d+", row.airflow)], _numbers(row.python), row.dependencies


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]
