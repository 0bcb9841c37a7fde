"""Lines of what a command prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from airflow_provider_pai.local.running.runtime import LineSink

LONGEST_LINE = 64 * 1024
"""Bytes of a log line; a longer one becomes several."""


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
    """Cuts bytes into lines and segments, and these into parts that are not too long."""

    def __init__(self) -> None:
        self._piece = bytearray()

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield what is complete by now."""
        for piece in chunk.splitlines(keepends=True):
            # A carriage return at the end of the last chunk had to wait: a line feed may follow.
            if self._piece.endswith(b"\r") and piece != b"\n":
                yield from self.finish()
            self._piece += piece
            if self._piece.endswith(b"\n"):
                yield from self.finish()
            else:
                # What ends the line may be two bytes.
                yield from self._parts(LONGEST_LINE + 2)

    def finish(self) -> Iterator[str]:
        """Yield the line or segment that ends here."""
        ended = self._piece.endswith(b"\n")
        if ended:
            del self._piece[-1:]
        overwritten = self._piece.endswith(b"\r")
        if overwritten:
            del self._piece[-1:]
        yield from self._parts(LONGEST_LINE)
        text = self._piece.decode("utf-8", "replace")
        if text or ended:
            yield f"{text}\r" if overwritten and not ended else text
        self._piece.clear()

    def _parts(self, most: int) -> Iterator[str]:
        """Yield the first parts of what is longer; they end at a space where there is one, so that no number is cut."""
        while len(self._piece) > most:
            end = self._piece.rfind(b" ", LONGEST_LINE // 2, LONGEST_LINE) + 1 or LONGEST_LINE
            # Not within a letter of several bytes; more than three that continue one are none.
            end -= next((back for back in range(4) if self._piece[end - back] & 0xC0 != 0x80), 0)
            yield self._piece[:end].decode("utf-8", "replace")
            del self._piece[:end]
