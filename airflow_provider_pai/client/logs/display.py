"""Shows a job's log lines in the log of its task: with their levels, folded, and from a level on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_pai.model.training.log_folding import LAUNCH_BEGINS, Entry, PreambleFolder
from airflow_provider_pai.model.training.log_level import DEBUG, ERROR, INFO, WARNING, LevelReader

_AT_ONCE = 500
"""Lines that are given levels in one go."""


class LogDisplay:
    """Shows lines of one job, in order. It stays with the job while one process watches it.

    Args:
        log: the task's logger.
        min_level: the lowest level that is shown, a number of Python's logging. Lines without a level are INFO.

    Attributes:
        has_shown: whether any line was shown.
    """

    def __init__(self, log: Any, min_level: int = DEBUG) -> None:
        self._min_level = min_level
        self._levels = LevelReader()
        self._folder = PreambleFolder()
        # Airflow drops what is below its own level, as it is for its own lines; a job's are not to be lost by default.
        debug = log.debug if log.isEnabledFor(DEBUG) else log.info
        self._write = {DEBUG: debug, INFO: log.info, WARNING: log.warning, ERROR: log.error}
        self.has_shown = False

    def show(self, lines: Iterable[str]) -> None:
        """Show lines that come after those of before."""
        new = lines if isinstance(lines, Sequence) else list(lines)
        entries = self._entries(new)
        if self._min_level > DEBUG:
            entries = (entry for entry in entries if entry[0] >= self._min_level)
        if self._folder.is_launching or any(LAUNCH_BEGINS in line for line in new):
            entries = self._folder.entries(entries)
        write = self._write
        for level, line in entries:
            write[level]("%s", line)
            self.has_shown = True

    def _entries(self, lines: Sequence[str]) -> Iterator[Entry]:
        """Yield lines with their levels; of very many only a few are held at once."""
        for begin in range(0, len(lines), _AT_ONCE):
            some = lines[begin : begin + _AT_ONCE]
            yield from zip(self._levels.levels(some), some, strict=True)
