"""CRC-64 is the vendor's, whole or combined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from oss2.utils import Crc64

from airflow_provider_pai.local.oss import crc64


def test_the_check_value_of_crc_64_xz_is_reproduced():
    assert crc64.update(b"123456789", 0) == 0x995DC9BBDF1939FA


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_two_checksums_combine_to_that_of_the_joined_bytes(first, second):
    vendor = Crc64()
    vendor(first + second)
    combined = crc64.combine(crc64.update(first, 0), crc64.update(second, 0), len(second))
    assert combined == crc64.update(second, crc64.update(first, 0)) == vendor.crc
