"""What a benchmark found: figures with units, compared to their bars; as a table for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine

OURS = "ours"
"""Who most bars are for."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        case: what was done, for example ``500 deferred, 5 s interval``.
        measure: what was measured, for example ``calls a second``.
        who: what the number was measured of: :data:`OURS`, or a peer with its version.
        value: the number.
        unit: its unit; empty for a count.
        bar: the most it may be; None when nothing is asked of it.
    """

    case: str
    measure: str
    who: str
    value: float
    unit: str = ""
    bar: float | None = None

    @property
    def held(self) -> bool | None:
        """Whether the number is within its bar; None without a bar."""
        return None if self.bar is None else self.value <= self.bar


@dataclass
class Report:
    """The figures of one benchmark.

    Attributes:
        name: the benchmark's name, which its files bear.
        title: what it measures, in a few words.
        figures: the numbers, in the order of the table.
        notes: what must be known to read them.
    """

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, case: str, measure: str, who: str, value: float, unit: str = "", *, bar: float | None = None) -> None:
        """Add a figure; the arguments are those of :class:`Figure`."""
        self.figures.append(Figure(case, measure, who, value, unit, bar))

    @property
    def broken(self) -> list[Figure]:
        """Figures over their bar."""
        return [figure for figure in self.figures if figure.held is False]

    def table(self) -> list[list[str]]:
        """Return rows of cells, the head first: a row for each case and measure, a column for each who."""
        names = list(dict.fromkeys(figure.who for figure in self.figures))
        rows: dict[tuple[str, str, str], dict[str, Figure]] = {}
        for figure in self.figures:
            rows.setdefault((figure.case, figure.measure, figure.unit), {})[figure.who] = figure
        head = ["case", "measure", *names, "bar", "held"]
        return [head, *(_row(key, cells, names) for key, cells in rows.items())]

    def text(self) -> str:
        """Return the table with aligned columns, for a terminal."""
        table = self.table()
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines = [self.title, *("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)]) + "\n"

    def markdown(self) -> str:
        """Return the table for a document."""
        head, *rows = self.table()
        lines = [f"### {self.title}", "", markdown_row(head), markdown_row(["---"] * len(head))]
        lines += map(markdown_row, rows)
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def save(self, folder: Path, machine: Machine) -> Path:
        """Write everything into ``<name>.json`` of a folder, which is made when missing; return the file."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.json"
        content = {
            "name": self.name,
            "title": self.title,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.to_json(),
            "figures": [{**asdict(figure), "held": figure.held} for figure in self.figures],
            "notes": self.notes,
        }
        file.write_text(json.dumps(content, indent=2) + "\n")
        return file


def saved(folder: Path, names: Iterable[str]) -> Iterator[tuple[Report, Machine]]:
    """Yield what :meth:`Report.save` wrote, of the benchmarks that have been run."""
    for name in names:
        file = folder / f"{name}.json"
        if file.exists():
            content = json.loads(file.read_text())
            figures = [_figure(item) for item in content["figures"]]
            yield Report(name, content["title"], figures, content["notes"]), Machine(**content["machine"])


def _figure(item: Mapping[str, Any]) -> Figure:
    return Figure(**{name: value for name, value in item.items() if name != "held"})


def _row(key: tuple[str, str, str], cells: Mapping[str, Figure], names: Sequence[str]) -> list[str]:
    case, measure, unit = key
    barred = [figure for figure in cells.values() if figure.bar is not None]
    bar = f"<= {number(barred[0].bar)}" if barred else ""
    held = ("yes" if all(figure.held for figure in barred) else "NO") if barred else ""
    values = [number(cells[who].value) if who in cells else "" for who in names]
    return [case, f"{measure}, {unit}" if unit else measure, *values, bar, held]


def number(value: float | None) -> str:
    """Return a number as people read it: three figures that count, thousands kept whole."""
    if value is None:
        return ""
    if value == round(value) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.3g}"


def markdown_row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
