"""What the relay reads of the addresses that are listened on."""

from __future__ import annotations

import sys

import pytest

from airflow_provider_pai.local.serving.relay import address

LITTLE = sys.byteorder == "little"


@pytest.mark.skipif(not LITTLE, reason="these are lines of a little-endian machine")
@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0100007F:1F40", "127.0.0.1", 8000),
        ("00000000:0050", "0.0.0.0", 80),
        ("00000000000000000000000000000000:1F90", "::", 8080),
        ("00000000000000000000000001000000:1F91", "::1", 8081),
        ("0000000000000000FFFF00000100007F:1388", "::ffff:127.0.0.1", 5000),
    ],
)
def test_an_address_is_read_as_the_kernel_writes_it(text: str, host: str, port: int) -> None:
    assert address(text) == (host, port)
