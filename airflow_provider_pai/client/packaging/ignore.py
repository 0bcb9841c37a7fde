"""What of a folder stays at home: built-in patterns, and the folder's own in a file ``.paiignore``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.pattern import RegexPattern

FILE = ".paiignore"
"""Name of the file in gitignore syntax at the top of a folder; it is left out itself."""
NO_SOURCE_CODE = (
    *(".git", ".hg", ".svn"),
    *("__pycache__", "*.py[co]", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox"),
    *(".venv", "venv"),
    *(".DS_Store", "Thumbs.db"),
)
"""Patterns that a folder with source code begins with; a later ``!pattern`` takes one back."""
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
_CHARACTER_CLASS = re.compile(r"\[:[a-z]+:\]")


@dataclass(frozen=True)
class _Rule:
    pattern: RegexPattern
    folders_only: bool

    def matches(self, name: str, is_folder: bool) -> bool:
        if self.folders_only and not is_folder:
            return False
        found = self.pattern.match_file(name)
        # The library's expressions have a named group that matches when a folder above fits, not the name itself.
        return found is not None and found.match.lastgroup is None


class IgnoreRules:
    """Tells which names of a folder are left out, as git does with a ``.gitignore`` at its top.

    Ask from the top down, and don't look into folders that are left out: as in git, nothing in them can be taken back.
    That, and matching each name by itself, is where git differs from the library's own answer for a whole path.
    """

    def __init__(self, lines: Iterable[str] = (), *, source_code: bool = False) -> None:
        """Read patterns; the last one that fits decides.

        Args:
            lines: patterns in gitignore syntax.
            source_code: begin with what is no source code: :data:`NO_SOURCE_CODE` and all virtual environments.

        Raises:
            ValueError: a line is no pattern; the message names it.
        """
        self._source_code = source_code
        rules = [rule for line in NO_SOURCE_CODE if source_code for rule in _rules(line)]
        for number, line in enumerate(lines, start=1):
            try:
                rules += _rules(line)
            except ValueError:
                raise ValueError(f"{FILE} line {number} is no pattern in gitignore syntax: {line!r}") from None
        self._rules = rules[::-1]

    @classmethod
    def of(cls, folder: Path, *, source_code: bool = False) -> IgnoreRules:
        """Return the rules of a folder: its ``.paiignore``, behind the built-in ones for source code.

        Raises:
            ValueError: a line of the file is no pattern.
            OSError: the file can't be read.
        """
        file = folder / FILE
        # Names that are no UTF-8 come out of the file system as they come out of this file.
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape") if file.is_file() else ""
        return cls((line.removesuffix("\r") for line in text.split("\n")), source_code=source_code)

    def ignores(self, name: str, folder: Path | None) -> bool:
        """Whether a name is left out.

        Args:
            name: path below the folder, with ``/`` between its parts and none at its ends.
            folder: where it lies when it is a folder; None for a file.
        """
        if name == FILE:
            return True
        for rule in self._rules:
            if rule.matches(name, folder is not None):
                return bool(rule.pattern.include)
        return self._source_code and folder is not None and (folder / _VIRTUAL_ENVIRONMENT).is_file()


def _rules(line: str) -> list[_Rule]:
    """Read one line: no rule for a comment or a blank line."""
    if _CHARACTER_CLASS.search(line):
        raise ValueError("the library takes the letters of such a class for themselves")
    text = line if line.endswith("\\ ") else line.rstrip(" ")
    # The slash that asks for a folder is taken off: with it, a pattern would match what is in the folder only.
    folders_only = text.endswith("/") and text != "/"
    if folders_only:
        bare = text.rstrip("/")
        name = bare.rstrip(" ")
        text = name + "\\ " * (len(bare) - len(name))
    # Other back ends, of libraries that may be there, refuse names that are no text.
    patterns = GitIgnoreSpec.from_lines([text], backend="simple").patterns
    return [_Rule(pattern, folders_only) for pattern in patterns if pattern.include is not None]
