"""What a command prints, cut into lines and the states of progress bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from airflow_provider_pai.local.running.output import LONGEST_LINE, each_line


class Chunks:
    """Output that arrives in pieces."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)

    def read1(self, size: int = -1, /) -> bytes:
        chunk = next(self._chunks, b"")
        assert len(chunk) <= size
        return chunk


def lines(*chunks: bytes) -> list[str]:
    found: list[str] = []
    each_line(Chunks(chunks), found.append)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_lines_and_segments_are_the_same_however_the_output_arrives(size: int) -> None:
    printed = b"one\r\n\n 1%\r 2%\r100%\nlast \xff\r\r\nno end"
    chunks = [printed[start : start + size] for start in range(0, len(printed), size)]
    assert lines(*chunks) == ["one", "", " 1%\r", " 2%\r", "100%", "last \ufffd\r", "", "no end"]


def test_a_bar_that_ends_with_a_carriage_return_has_its_last_state() -> None:
    assert lines(b"\r 50%\r100%\r") == [" 50%\r", "100%\r"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_end_of_a_line_that_is_too_long_is_kept(end: bytes) -> None:
    chunks = [b"loss=1 ", *[b"x" * 1000] * 300, b" loss=2", end, b"next"]
    found = lines(*(chunk for chunk in chunks if chunk))
    assert found[0].startswith("[cut: the line is longer than 64 KiB] xxx")
    assert found[0].endswith(" loss=2" if end else " loss=2next")
    assert len(found[0]) < LONGEST_LINE + 50
    assert found[1:] == (["next"] if end else [])


def test_a_line_of_the_greatest_length_is_not_cut() -> None:
    assert lines(b"y" * LONGEST_LINE, b"\n") == ["y" * LONGEST_LINE]
