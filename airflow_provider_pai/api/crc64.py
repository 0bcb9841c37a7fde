"""How two CRC-64 of OSS (ECMA-182, reflected) become that of the joined bytes.

Combining follows zlib's ``crc32_combine``: appending zero bytes is a linear map over GF(2), so the checksum of a joined
object needs the parts' checksums and lengths, not their bytes. The library ``oss2`` takes a hundred times as long.
"""

from __future__ import annotations

from functools import cache

_REFLECTED = 0xC96C5795D7870F42

_Matrix = tuple[int, ...]


def combine(first: int, second: int, second_length: int) -> int:
    """Return the checksum of two strings of bytes joined.

    Args:
        first: checksum of the first string.
        second: checksum of the second.
        second_length: bytes in the second.
    """
    power = 0
    while second_length:
        if second_length & 1:
            first = _times(_zero_bytes(power), first)
        second_length >>= 1
        power += 1
    return first ^ second


@cache
def _zero_bytes(power: int) -> _Matrix:
    """Return the map that appends ``2 ** power`` zero bytes."""
    if power:
        return _square(_zero_bytes(power - 1))
    one_bit = (_REFLECTED, *(1 << bit for bit in range(63)))
    return _square(_square(_square(one_bit)))


def _square(matrix: _Matrix) -> _Matrix:
    return tuple(_times(matrix, row) for row in matrix)


def _times(matrix: _Matrix, vector: int) -> int:
    total = 0
    for row in matrix:
        if vector & 1:
            total ^= row
        vector >>= 1
    return total
