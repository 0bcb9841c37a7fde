"""Limits of a single connection's bandwidth: ``x-oss-traffic-limit``, as a header or a parameter."""

from __future__ import annotations

import asyncio
import time

from airflow_provider_pai.local.oss.errors import invalid_argument
from airflow_provider_pai.local.oss.signing import OSSRequest
from airflow_provider_pai.local.parsing import read_number

_NAME = "x-oss-traffic-limit"
_LEAST, _MOST = 819_200, 838_860_800
PIECE = 16 * 1024
"""Bytes after which a limited transfer waits."""


class TrafficLimit:
    """Slows a transfer down to a number of bytes a second."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._started = time.monotonic()
        self._moved = 0

    async def wait(self, moved: int) -> None:
        """Wait until a transfer may continue that has moved so many more bytes."""
        self._moved += moved
        await asyncio.sleep(max(0.0, self._started + self._moved / self._rate - time.monotonic()))


def traffic_limit(request: OSSRequest) -> TrafficLimit | None:
    """Return the limit that a request asks for; None for none.

    Raises:
        OSSErrorResponse: InvalidArgument: it is no number of bits a second from 819,200 to 838,860,800.
    """
    text = request.headers.get(_NAME) or request.query.get(_NAME)
    if text is None:
        return None
    bits = read_number(text)
    if bits is None or not _LEAST <= bits <= _MOST:
        raise invalid_argument(f"The traffic limit must be from {_LEAST} to {_MOST} bit/s", _NAME, text)
    return TrafficLimit(bits / 8)
