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


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
@pytest.mark.parametrize("size", [999, 50_000, LONGEST_LINE])
def test_a_line_that_is_too_long_becomes_several_and_loses_nothing(end: bytes, size: int) -> None:
    printed = b"loss=1 " + b"x" * 300_000 + b" loss=2" + end + b"next"
    found = lines(*(printed[start : start + size] for start in range(0, len(printed), size)))
    assert "".join(found).replace("\r", "") == printed.replace(end or b"\n", b"").decode()
    assert max(map(len, found)) <= LONGEST_LINE + len("\r")
    assert found[0].startswith("loss=1 ")
    assert found[-1] == "next" if end else found[-1].endswith(" loss=2next")
    assert [line.endswith("\r") for line in found].count(True) == (end == b"\r")


def pieces(text: str) -> list[bytes]:
    printed = text.encode()
    return [printed[start : start + LONGEST_LINE] for start in range(0, len(printed), LONGEST_LINE)]


def test_a_line_that_is_too_long_is_parted_at_a_space_and_never_within_a_letter() -> None:
    numbers = " ".join(f"loss={number}" for number in range(20_000))
    assert " ".join(line.strip() for line in lines(*pieces(numbers))) == numbers
    letters = "xé训" * 50_000
    assert "".join(lines(*pieces(letters))) == letters


def test_a_line_of_the_greatest_length_is_not_cut() -> None:
    assert lines(b"y" * LONGEST_LINE, b"\n") == ["y" * LONGEST_LINE]
