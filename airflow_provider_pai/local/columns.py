"""Rows in columns, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def aligned(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a head and a line for each row; what a row's author wrote stays on its line.

    Args:
        columns: names of the members to show.
        rows: what is shown.
    """
    cells = [tuple(columns), *(tuple(_one_line(row[name]) for name in columns) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
