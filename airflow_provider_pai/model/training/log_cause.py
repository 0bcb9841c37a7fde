"""Reads from the end of a log why its command ended: the last error that it did not get over, and not its echo."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_pai.model.training.log_hints import (
    BEFORE_NO_DISTRIBUTION,
    HINTS,
    NO_DISTRIBUTION,
    SHARED_MEMORY,
    Hint,
)
from airflow_provider_pai.model.training.log_level import ERROR, INFO, LevelReader, line_level, line_prefix

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_LATER_LINES = 20
"""Ordinary lines that may follow a cause, as launchers and trackers print them at an end."""
_LATER_LINES_OF_WORDS = 5
"""The same for a line that only speaks of trouble: programs get over most of what they merely mention."""
_LONGEST = 1000
"""Characters at both ends of a line among which its cause is: the patterns' work grows with the square of a length."""
_SURVIVED = re.compile(
    r"\b(?:retry|retrying|retried|succeeded|recovered|ignored|ignoring|skipped|skipping|falling back|fallback"
    r"|continuing|resuming|(?:is|are|be) disabled|optional)\b|\bUserWarning: |failed call to cuInit",
    re.IGNORECASE,
)
"""What a program says of trouble that it gets over; the last is TensorFlow's on every machine without a GPU."""
_INFORMATION = re.compile(r"^.{0,60}\bINFO\b")
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):")
_FRAME = re.compile(r'\s+File "([^"]+)", line (\d+)')
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:: .*|:?$)")
_LAUNCHER = re.compile(
    r"(?:\w+\.)*(?:ChildFailedError|CalledProcessError|ProcessRaisedException|ProcessExitedException|SignalException"
    r"|SystemExit|RayTaskError\S*)\b"
)
"""Errors of a program that has started another, which says more."""
_LIBRARY = re.compile(r"site-packages|dist-packages|/lib/python\d|<frozen|<string>")
_MEND = "Mend the code, or the data that it reads, at the place that the traceback names."


@dataclass(frozen=True)
class LogCause:
    """Why a command ended, as its log tells.

    Attributes:
        cause: a clause.
        advice: what the author can do; a sentence.
        hint: the row of the table that says so; None for an exception that the table does not know.
    """

    cause: str
    advice: str
    hint: Hint | None = None


def find_cause(log_tail: Sequence[str], *, killed: bool = False) -> LogCause | None:
    """Return why a command ended; None when its log does not tell.

    Args:
        log_tail: the log's last lines, oldest first.
        killed: whether a signal ended it: then an exception that it had printed is not the cause.
    """
    lines = [_body(line) for line in log_tail]
    levels = LevelReader().levels(lines)
    later, collateral = 0, None
    index = len(lines)
    while index:
        index -= 1
        line, is_error = lines[index], levels[index] == ERROR
        if not line.strip() or later > _LATER_LINES:
            continue
        ends_traceback = _ends_traceback(lines, index)
        if ends_traceback and (start := _start(lines, index)) and lines[start - 1].startswith("Exception ignored"):
            index = start - 1
            continue
        if ends_traceback or is_error or later <= _LATER_LINES_OF_WORDS:
            found = None if not ends_traceback and _is_survived(line) else _hint_of(line, killed)
            if found is None and ends_traceback and not killed and not _LAUNCHER.match(line):
                found = _cause_of_chain(lines, index)
            if found and not (found.hint and found.hint.collateral):
                return _more_telling(found, lines[:index])
            collateral = collateral or found
        later += not is_error and not line[0].isspace() and not _is_rule(line)
    return _more_telling(collateral, lines) if collateral else None


def _hint_of(line: str, killed: bool = False) -> LogCause | None:
    if _FRAME.match(line):
        return None
    for hint in HINTS:
        if (hint.kills or not killed) and (found := hint.pattern.search(line)):
            groups = [group for group in found.groups() if group is not None]
            return LogCause(hint.cause.format(*groups), hint.advice, hint)
    return None


def _more_telling(found: LogCause, before: Sequence[str]) -> LogCause:
    """Return what warnings before a cause tell of it: why pip finds nothing, why NCCL can't begin."""
    explaining: tuple[Hint, ...] = ()
    if found.hint is NO_DISTRIBUTION:
        explaining = BEFORE_NO_DISTRIBUTION
    elif found.hint and found.hint.collateral:
        explaining = (SHARED_MEMORY,)
    for hint in explaining:
        if any(map(hint.pattern.search, before)):
            return LogCause(hint.cause, hint.advice, hint)
    return found


def _cause_of_chain(lines: Sequence[str], end: int) -> LogCause:
    """Return what an exception tells that the table does not know; where another led to it, that may be known."""
    text = f"Python ended with {lines[end].strip().rstrip(':')}{_place(lines, end)}"
    start = _start(lines, end)
    marker = max(start - 1, 0)
    while marker and not lines[marker].strip():
        marker -= 1
    above = marker - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    if start and above >= 0 and lines[marker].startswith("The above exception was the direct cause"):
        return _hint_of(lines[above]) or LogCause(text, _MEND)
    if start and above >= 0 and lines[marker].startswith("During handling of the above exception"):
        return LogCause(f"{text}, while it handled {lines[above].strip()}", _MEND)
    return LogCause(text, _MEND)


def _place(lines: Sequence[str], end: int) -> str:
    """Return the last place of a traceback that is not in a library."""
    frames = [found for line in lines[_start(lines, end) : end] if (found := _FRAME.match(line))]
    own = [found for found in frames if not _LIBRARY.search(found[1])] or frames
    return f" ({own[-1][1].rsplit('/', 1)[-1]}, line {own[-1][2]})" if own else ""


def _start(lines: Sequence[str], end: int) -> int:
    """Return the index of the first line of the traceback that ends at a line; 0 when it is not there."""
    return next((index for index in range(end, -1, -1) if _TRACEBACK.match(lines[index])), 0)


def _ends_traceback(lines: Sequence[str], index: int) -> bool:
    if not index or not _EXCEPTION.match(lines[index]):
        return False
    before = lines[index - 1]
    return before[:1].isspace() or before.startswith(("╰", "└")) or bool(_TRACEBACK.match(before))


def _is_survived(line: str) -> bool:
    level = line_level(line)
    return level < INFO or INFO < level < ERROR or bool(_SURVIVED.search(line) or _INFORMATION.match(line))


def _is_rule(line: str) -> bool:
    return not any(map(str.isalnum, line))


def _body(line: str) -> str:
    if len(line) > 2 * _LONGEST:
        line = f"{line[:_LONGEST]} {line[-_LONGEST:]}"
    text = _COLOUR.sub("", line).rstrip("\n")
    for _ in range(2):
        text = text[len(line_prefix(text)) :]
    return text
