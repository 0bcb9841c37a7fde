"""The pages that users read, and the code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        page: path of the page below the repository.
        line: where it begins.
        language: such as ``python``.
        code: its text.
    """

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return README, the guide, and what developers read."""
    return sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def blocks(page: str | Path, *languages: str) -> list[Block]:
    """Return the blocks of a page in their order, of some languages or of all."""
    path = REPOSITORY / page
    text = path.read_text()
    return [
        Block(str(path.relative_to(REPOSITORY)), text.count("\n", 0, found.start()) + 2, found[1], found[2])
        for found in _BLOCK.finditer(text)
        if not languages or found[1] in languages
    ]


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead to no file."""
    found = (link.partition("#")[0] for link in _LINK.findall(_BLOCK.sub("", page.read_text())))
    return [link for link in found if link and "://" not in link and not (page.parent / link).exists()]
