"""The launch preamble of a job's log: which lines it has, and how they are folded in Airflow's log view.

PAI's launcher prints the environment of each instance, the working directory and what pip says, before the command
begins. A person reads it when something went wrong there, and hardly ever else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_pai.model.training.log_level import ERROR, INFO, line_prefix

LAUNCH_BEGINS = "TrainingJob launch starting"
COMMAND_BEGINS = "User program launching"
"""The last line but one; a line of dashes comes after it."""
GROUP, END_GROUP = "::group::", "::endgroup::"
_TITLE = "Launch of the job"
Entry = tuple[int, str]
"""Level and text of a line of the task's log."""


class PreambleFolder:
    """Puts the preamble of each instance into a group that the log view shows folded.

    A group never stays open: lines that come later, of whatever else, would be hidden with it. An error ends the
    folding, so that it is seen.
    """

    def __init__(self) -> None:
        self._launching: dict[str, bool] = {}
        self._open: str | None = None

    @property
    def is_launching(self) -> bool:
        """Whether the preamble of an instance has begun and not ended."""
        return bool(self._launching)

    def entries(self, lines: Iterable[Entry]) -> Iterator[Entry]:
        """Yield lines with those of the preamble between the marks of a group; the last group is closed.

        Args:
            lines: new lines of the log, in order.
        """
        for level, line in lines:
            prefix = line_prefix(line) if self._launching or LAUNCH_BEGINS in line else ""
            if line[len(prefix) :] == LAUNCH_BEGINS:
                self._launching[prefix] = False
            if level == ERROR:
                self._launching.pop(prefix, None)
            if prefix in self._launching:
                yield from self._opened(prefix)
                yield level, line
                self._look_for_end(prefix, line[len(prefix) :])
            else:
                yield from self.closed()
                yield level, line
        yield from self.closed()

    def closed(self) -> Iterator[Entry]:
        """Yield the mark that closes the group, when one is open."""
        if self._open is not None:
            self._open = None
            yield INFO, END_GROUP

    def _opened(self, prefix: str) -> Iterator[Entry]:
        if self._open != prefix:
            yield from self.closed()
            self._open = prefix
            yield INFO, GROUP + prefix + _TITLE

    def _look_for_end(self, prefix: str, body: str) -> None:
        if self._launching[prefix]:
            # This was the line of dashes.
            del self._launching[prefix]
        elif body == COMMAND_BEGINS:
            self._launching[prefix] = True
