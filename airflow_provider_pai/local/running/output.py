"""Lines of what a command prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from airflow_provider_pai.local.running.runtime import LineSink

LONGEST_LINE = 64 * 1024
"""Bytes of a log line; of a longer one the end is kept."""
_CUT = "[cut: the line is longer than 64 KiB] "


class Output(Protocol):
    """What a command prints."""

    def read1(self, size: int = -1, /) -> bytes:
        """Return what there is by now, at most so many bytes; nothing at the end."""


def each_line(output: Output, line: LineSink) -> None:
    r"""Hand on every line until the output ends.

    A bare carriage return ends a segment, which the next one overwrites on a terminal: it is handed on with the
    carriage return at its end, so that the sink can tell the states of a progress bar from lines.

    Args:
        output: what the command prints.
        line: gets lines and segments, without ``\n`` and ``\r\n``.
    """
    splitter = _Splitter()
    while chunk := output.read1(LONGEST_LINE):
        for text in splitter.feed(chunk):
            line(text)
    for text in splitter.finish():
        line(text)


class _Splitter:
    """Cuts bytes into lines and segments."""

    def __init__(self) -> None:
        self._piece = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield what is complete by now."""
        for piece in chunk.splitlines(keepends=True):
            # A carriage return at the end of the last chunk had to wait: a line feed may follow.
            if self._piece.endswith(b"\r") and piece != b"\n":
                yield from self.finish()
            self._piece += piece
            if self._piece.endswith(b"\n"):
                yield from self.finish()
            elif len(self._piece) > 2 * LONGEST_LINE:
                del self._piece[: -LONGEST_LINE - 1]
                self._cut = True

    def finish(self) -> Iterator[str]:
        """Yield the line or segment that ends here."""
        ended = self._piece.endswith(b"\n")
        content = self._piece.removesuffix(b"\n")
        overwritten = content.endswith(b"\r") and not ended
        content = content.removesuffix(b"\r")
        mark = _CUT if self._cut or len(content) > LONGEST_LINE else ""
        text = content[-LONGEST_LINE:].decode("utf-8", "replace")
        self._piece.clear()
        self._cut = False
        if content or ended:
            yield f"{mark}{text}\r" if overwritten else f"{mark}{text}"
