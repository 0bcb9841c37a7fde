"""CRC-64 as OSS computes it (ECMA-182, reflected), and how two of them become one."""

from __future__ import annotations

import fastcrc

from airflow_provider_pai.api.crc64 import combine as combine


def update(data: bytes, crc: int) -> int:
    """Return the checksum of what a checksum stands for, followed by more bytes. The checksum of nothing is 0."""
    return fastcrc.crc64.xz(data, crc)
