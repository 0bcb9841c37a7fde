"""The level of a job's log line, told from how the usual loggers write it; no line is judged by what it is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
"""The numbers of Python's logging, which Airflow's log has, too."""
LEVELS = {"DEBUG": DEBUG, "INFO": INFO, "WARNING": WARNING, "ERROR": ERROR}
_NAMES = {
    **dict.fromkeys(("trace", "debug", "dbg"), DEBUG),
    **dict.fromkeys(("info", "notice", "success"), INFO),
    **dict.fromkeys(("warn", "warning"), WARNING),
    **dict.fromkeys(("err", "error", "fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"), ERROR),
}
_LETTERS = {"D": DEBUG, "I": INFO, "W": WARNING, "E": ERROR, "F": ERROR, "C": ERROR}
_WORD = "|".join(sorted(_NAMES, key=len, reverse=True))
_UPPER = _WORD.upper()
_PREFIX = re.compile(rf"\[(?!(?:{_WORD}) *\])[A-Za-z_][\w.-]{{0,40}}\]:? ", re.IGNORECASE)
"""Name of an instance or a rank, such as ``[worker-0] `` and ``[rank0]: ``."""
_TIME = re.compile(
    r"[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?[\])]?(?:: ([DIWEF]) )?"
)
"""A time; with a letter behind it TensorFlow's."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_GLOG = re.compile(r"([DIWEFC])\d{4}(?:\d{4})? \d\d:\d\d:\d\d\b")
"""glog, absl and PyTorch's launcher: ``E1130 10:00:00.123456 ...``."""
_FIRST = re.compile(
    # A number behind a colon is a value: "error: 0.12".
    rf"\[ ?((?i:{_WORD})) *\]|((?i:{_WORD})) ?:(?!\s*[-+]?[\d.]+%?\s*$)|({_UPPER})(?=[ \t|-]|$)"
)
"""The level comes first: ``ERROR:root:...``, ``[ERROR] ...``, ``error: ...``, ``ERROR ...``."""
_FIRST_LETTERS = frozenset("[" + "".join({letter for name in _NAMES for letter in (name[0], name[0].upper())}))
_LATER = re.compile(rf"(?<=[\s\[|(:-])({_UPPER})(?=[\s\]|):-]|$)|\[((?i:{_WORD})) *\]|(?<=\t)({_WORD})(?=\t)")
"""A level behind a time: Python's logging, loguru, structlog, zap, Java's."""
_LATEST = 100
"""Characters behind a time among which its level is."""
_PAIR = re.compile(rf"(?:^|[\s{{,])(?:level|lvl|severity|loglevel)=[\"']?((?i:{_WORD}))\b")
"""logfmt: ``level=error``."""
_JSON = re.compile(rf'"(?:level|levelname|lvl|severity|log[._]?level)"\s*:\s*"({_WORD})"', re.IGNORECASE)
_WARNINGS = re.compile(r"\S.*?:\d+: \w*Warning: ")
"""Python's module warnings: ``train.py:3: UserWarning: ...``."""
_TRACEBACK = re.compile(r"[\s|+]*(?:Exception Group )?Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'[\s|+]+File "[^"]+", line \d+')
_EXCEPTION = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)(?:$|: (?!\s*[-+]?[\d.]+%?\s*$))"
    r"|(?:Error|Exception)$"
    r"|Fatal Python error: |Exception in thread |Exception ignored in: "
    r"|During handling of the above exception|The above exception was the direct cause"
    r"|(?:\S+: (?:line )?\d+: +\d* *)?(?:Segmentation fault|Bus error|Killed)(?: \(core dumped\)|$)"
)
"""The last line of a traceback, and what the interpreter or the shell says of an end."""
_TOKENS: tuple[str, ...] = (
    "err", "warn", "debug", "dbg", "fatal", "crit", "trace", "exception", "exit", "interrupt", "alert", "emerg",
    "panic", "fault", "killed", '", line ', ": d ", ": w ", ": e ", ": f ",
)  # fmt: skip
"""A line without any of these, in small letters, is :data:`INFO`, unless it is glog's."""
_GLOG_LETTERS = frozenset("DWEFC")


def line_level(line: str) -> int:
    """Return the level of a line by itself; :data:`INFO` for one that names none.

    A progress bar has none, and a line that merely speaks of errors neither.

    Args:
        line: the line.
    """
    text = _COLOUR.sub("", line) if "\x1b" in line else line
    body = text[len(line_prefix(text)) :]
    begin = body[:1]
    if begin in _LETTERS and (found := _GLOG.match(body)):
        return _LETTERS[found[1]]
    if begin in _FIRST_LETTERS and (found := _FIRST.match(body)):
        return _level_in(found)
    if begin in "0123456789[(" and (time := _TIME.match(body)):
        if time[1]:
            return _LETTERS[time[1]]
        if found := _LATER.search(body, time.end(), time.end() + _LATEST):
            return _level_in(found)
    if begin == "{" and (found := _JSON.search(body)):
        return _level_in(found)
    if "=" in body and (found := _PAIR.search(body)):
        return _level_in(found)
    if "Warning: " in body and _WARNINGS.match(body):
        return WARNING
    is_error = _EXCEPTION.match(body) or _TRACEBACK.match(body) or _FRAME.match(body)
    return ERROR if is_error else INFO


def line_prefix(line: str) -> str:
    """Return what a line begins with when it names its instance or rank; empty for others."""
    if line[:1] != "[":
        return ""
    found = _PREFIX.match(line)
    return found[0] if found else ""


def _level_in(found: re.Match[str]) -> int:
    return _NAMES[next(filter(None, found.groups())).lower()]


class LevelReader:
    """Tells the levels of a log's lines, read in order; a traceback is one block of errors.

    Lines of several instances may come mixed, each with the name of its instance in front.
    """

    def __init__(self) -> None:
        self._blocks: set[str] = set()

    def levels(self, lines: Sequence[str]) -> list[int]:
        """Return the level of each line."""
        small = "\n".join(lines).lower()
        tokens = [token for token in _TOKENS if token in small]
        lowered = small.split("\n") if tokens else lines
        if len(lowered) != len(lines):
            lowered = [line.lower() for line in lines]
        levels = []
        for line, low in zip(lines, lowered, strict=True):
            level = self._in_block(line) if self._blocks else 0
            if not level:
                level = self._level(line) if _may_have_level(line, low, tokens) else INFO
            levels.append(level)
        return levels

    def _level(self, line: str) -> int:
        level = line_level(line)
        if level == ERROR and "Traceback (most" in line:
            self._blocks.add(line_prefix(line))
        return level

    def _in_block(self, line: str) -> int:
        """Return the level of a line that belongs to a traceback; 0 for any other."""
        prefix = line_prefix(line)
        if prefix not in self._blocks:
            return 0
        body = line[len(prefix) :]
        if not body[:1].strip():
            # The frames and their source are indented.
            return ERROR
        # The first line that is not is the exception itself, or of something else that was printed in between.
        self._blocks.discard(prefix)
        level = line_level(line)
        return level if level != INFO or not _is_exception(body) else ERROR


def _may_have_level(line: str, low: str, tokens: Sequence[str]) -> bool:
    """Whether a closer look at a line may find a level other than :data:`INFO`."""
    for token in tokens:
        if token in low:
            return True
    begin = line[:1]
    if begin == "[":
        begin = line[line.find("] ") + 2 :][:1]
    return begin in _GLOG_LETTERS


def _is_exception(body: str) -> bool:
    """Whether a line may be the end of a traceback: a dotted name, alone or before a colon."""
    name, colon, _ = body.partition(":")
    return bool(name) and all(part.isidentifier() for part in name.strip().split(".")) and bool(colon or name == body)
