"""What became of what a judge tried, compared with what is expected: a file of classes, and what differs from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

PASSES, REFUSED, ELSEWHERE, LACKS, WRONG = "passes", "refused", "elsewhere", "lacks", "wrong"
Class = tuple[str, str]
"""The class, and the remark beside it."""


def read_classes(file: Path) -> dict[str, Class]:
    """Return the expected classes by name; none when there is no file yet."""
    if not file.exists():
        return {}
    rows = (line.split("\t") for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: (kind, why) for name, kind, why in rows}


def write_classes(file: Path, head: str, classes: Mapping[str, Class]) -> None:
    """Write classes by name, below a line that says what they are."""
    rows = ("\t".join((name, *classes[name])) for name in sorted(classes))
    file.write_text("\n".join([f"# {head}", *rows]) + "\n")


def unexpected(expected: Mapping[str, Class], found: Mapping[str, Class]) -> list[str]:
    """Return a line for each that is in another class than expected, in none, in ``wrong``, or was not run."""
    problems = [f"{name}: was not run" for name in sorted(expected.keys() - found.keys())]
    for name, (kind, why) in sorted(found.items()):
        if kind == WRONG or (kind, why) != expected.get(name):
            problems.append(f"{name}: {kind} {why}, expected: {' '.join(expected.get(name, ('in no class',)))}")
    return problems


def counted(found: Collection[Class]) -> str:
    """Return how many are in each class."""
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(kind for kind, _ in found).items()))
