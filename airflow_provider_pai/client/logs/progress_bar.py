"""Lines of progress bars: a bare carriage return ends a segment, and each overwrites the one before."""

from __future__ import annotations


def latest_segment(line: str) -> str:
    """Return what a terminal would show of a line in the end: its last segment that has any text.

    Args:
        line: a line of a log, as the service keeps it.
    """
    if "\r" not in line:
        return line
    return next((segment for segment in reversed(line.split("\r")) if segment.strip()), "")
