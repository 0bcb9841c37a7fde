"""What is sent of a file is its bytes, as often as they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import oss2
import pytest

from airflow_provider_pai.client.oss.body import FileRange, checksum, content_md5
from airflow_provider_pai.errors import PAIError

CONTENT = os.urandom(700_000)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    with (tmp_path / "file").open("rb") as file:
        yield file.fileno()


@pytest.mark.parametrize(("start", "size"), [(0, 700_000), (0, 1), (5, 600_000), (699_999, 1)])
def test_a_range_is_read_anew_each_time(descriptor: int, start: int, size: int) -> None:
    body = FileRange(descriptor, start, size)
    assert len(body) == size
    assert b"".join(body) == b"".join(body) == CONTENT[start : start + size]


@pytest.mark.parametrize("size", [1, 300_000, 700_000])
def test_the_checksums_are_those_of_the_vendors_library(descriptor: int, size: int) -> None:
    content = CONTENT[:size]
    crc = oss2.utils.Crc64()
    crc(content)
    for body in (content, FileRange(descriptor, 0, size)):
        assert checksum(body) == crc.crc
        assert content_md5(body) == oss2.utils.content_md5(content)


def test_a_range_beyond_the_end_is_not_taken_for_bytes(descriptor: int) -> None:
    with pytest.raises(PAIError, match="ends too early"):
        list(FileRange(descriptor, 699_999, 2))


def test_a_sending_ends_when_it_is_given_up(descriptor: int) -> None:
    def check() -> None:
        raise RuntimeError("given up")

    with pytest.raises(RuntimeError, match="given up"):
        list(FileRange(descriptor, 0, 10, check))
