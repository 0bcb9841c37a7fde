"""The bytes of one request to OSS: in memory, or in a file from which they are read while they are sent."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from fastcrc import crc64

from airflow_provider_pai.api.crc64 import combine
from airflow_provider_pai.errors import PAIError

_CHUNK = 256 * 1024


class FileRange:
    """Some bytes of an open file that nothing writes to any more. Safe to use from several threads.

    Its length and its pieces are what ``requests`` needs to send it; each sending reads it anew.

    Args:
        descriptor: the open file.
        start: the first byte.
        size: how many, at least one.
        check: called before each piece is sent; may raise what ends the sending.
    """

    def __init__(self, descriptor: int, start: int, size: int, check: Callable[[], None] = lambda: None) -> None:
        self._descriptor = descriptor
        self._start = start
        self._size = size
        self._check = check

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece.

        Raises:
            PAIError: the file has fewer.
        """
        place, end = self._start, self._start + self._size
        while place < end:
            self._check()
            chunk = os.pread(self._descriptor, min(_CHUNK, end - place), place)
            if not chunk:
                raise PAIError("a file that is being sent ends too early")
            place += len(chunk)
            yield chunk


class JoinedRanges:
    """Ranges of open files, one behind the other.

    Args:
        ranges: the ranges.
    """

    def __init__(self, ranges: Iterable[FileRange]) -> None:
        self._ranges = tuple(ranges)

    def __len__(self) -> int:
        return sum(map(len, self._ranges))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece."""
        return chain.from_iterable(self._ranges)


Body = bytes | FileRange | JoinedRanges


class SummedBody:
    """A body whose checksum is taken while it is sent, so that it is not read once more for that.

    Args:
        body: its bytes; each sending reads them anew, and counts anew.

    Attributes:
        crc: CRC-64, as OSS computes it, of what the last sending has read.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.crc = 0

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece."""
        self.crc = 0
        for chunk in _chunks(self._body):
            self.crc = crc64.xz(chunk, self.crc)
            yield chunk


def checksum(body: Body) -> int:
    """Return the CRC-64 that OSS computes of what it gets; quicker than the library's, and without the GIL."""
    total = 0
    for chunk in _chunks(body):
        total = crc64.xz(chunk, total)
    return total


def joined_checksum(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-64 of bytes from the checksums and sizes of their parts.

    Args:
        parts: CRC-64 and size of each part, in order.
    """
    total = 0
    for crc, size in parts:
        total = combine(total, crc, size)
    return total


def content_md5(body: Body) -> str:
    """Return the value of the header by which OSS refuses other bytes before there is an object of them."""
    hashed = hashlib.md5(usedforsecurity=False)
    for chunk in _chunks(body):
        hashed.update(chunk)
    return base64.b64encode(hashed.digest()).decode()


def _chunks(body: Body) -> Iterable[bytes]:
    return (body,) if isinstance(body, bytes) else body
