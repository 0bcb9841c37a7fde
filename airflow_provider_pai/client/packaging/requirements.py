"""A source folder's ``requirements.txt``, read as pip reads it, as far as PAI can take it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FILE = "requirements.txt"
_INDEX_OPTIONS = ("i", "index-url", "extra-index-url", "trusted-host")
_ELSEWHERE = "name a package of another index by its address (name @ https://...)"
_INCLUDE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=))(.+)")
_OPTION = re.compile(r"-+[A-Za-z-]*")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_requirements(folder: Path) -> tuple[list[str], list[str]]:
    """Read the requirements of a source folder with the files they include; each file counts once.

    An option of pip is refused: PAI has no place for it, and without ``--index-url`` a package of the same name from
    another index would be installed without a word.

    Returns:
        The requirement lines, and what is wrong with the files; both empty when there is no such file.
    """
    reader = _RequirementsReader(folder.resolve())
    if (folder / _FILE).is_file():
        reader.read((folder / _FILE).resolve())
    return reader.lines, reader.problems


@dataclass
class _RequirementsReader:
    folder: Path
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def read(self, file: Path) -> None:
        self.seen.add(file)
        try:
            text = _text(file)
        except UnicodeDecodeError:
            self.problems.append(f"{self._name(file)} is no text in UTF-8; save it as such")
            return
        for number, line in _logical_lines(text):
            where = f"{self._name(file)} line {number}"
            if included := _INCLUDE.fullmatch(line):
                self._include(where, (file.parent / included[1]).resolve())
            elif not (option := _OPTION.match(line)):
                self.lines.append(line)
            else:
                # Only the option's name: the rest of the line may hold a password.
                is_index = option[0].lstrip("-") in _INDEX_OPTIONS
                advice = (
                    "name a package of another index by its address (name @ https://...)" if is_index else "remove it"
                )
                self.problems.append(f"{where}: PAI takes requirement lines, not pip's option {option[0]}; {advice}")

    def _include(self, where: str, file: Path) -> None:
        if not file.is_relative_to(self.folder):
            self.problems.append(f"{where} includes a file outside the folder; copy it in")
        elif not file.is_file():
            self.problems.append(f"{where} includes {self._name(file)}, which does not exist; create it")
        elif file not in self.seen:
            self.read(file)

    def _name(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()


def _text(file: Path) -> str:
    content = file.read_bytes()
    # PowerShell redirects into UTF-16; pip reads that too.
    return content.decode("utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number they begin at: continued ones joined, comments and blank lines left out."""
    parts: list[str] = []
    begin = 0
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        begin = begin if parts else number
        comment = _COMMENT.match(raw) is not None
        # As in pip: a line that is nothing but a comment ends what was continued, and is not continued itself.
        parts.append(f" {raw}" if comment else raw.removesuffix("\\"))
        if raw.endswith("\\") and not comment:
            continue
        line = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if line:
            yield begin, line
