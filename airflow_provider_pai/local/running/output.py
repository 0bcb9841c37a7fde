"""Lines of what a command prints."""

from __future__ import annotations

from typing import IO

from airflow_provider_pai.local.running.runtime import LineSink

LONGEST_LINE = 64 * 1024
"""Bytes of a log line; what comes behind is cut off."""
_CUT = " [cut: the line is longer than 64 KiB]"


def each_line(output: IO[bytes], line: LineSink) -> None:
    """Hand on every line until the output ends; one that is too long is cut and says so.

    Args:
        output: what the command prints.
        line: gets the lines, without their ends.
    """
    while raw := output.readline(LONGEST_LINE):
        text = raw.decode("utf-8", "replace")
        if not raw.endswith(b"\n") and len(raw) == LONGEST_LINE and _skip_line(output):
            text += _CUT
        line(text.removesuffix("\n").removesuffix("\r"))


def _skip_line(output: IO[bytes]) -> bool:
    """Drop the rest of a line and tell whether there was any."""
    skipped = False
    while rest := output.readline(LONGEST_LINE):
        skipped = skipped or rest != b"\n"
        if rest.endswith(b"\n"):
            break
    return skipped
