"""Ranges and conditions mean what OSS says."""

from __future__ import annotations

import pytest

from airflow_provider_pai.local.oss.conditions import resolve_range
from airflow_provider_pai.local.oss.errors import OSSErrorResponse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-499", (0, 500)),
        ("bytes=500-", (500, 1000)),
        ("bytes=-500", (500, 1000)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=0-1000", None),
        ("bytes=0-" + "9" * 5000, None),
        ("bytes=" + "0" * 30 + "-0499", (0, 500)),
        ("bytes=1000-2000", None),
        ("bytes=1000-", None),
        ("bytes=-2000", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("byte=0-499", None),
        ("", None),
    ],
)
def test_a_range_that_does_not_fit_means_the_whole_object(text, expected):
    assert resolve_range({"range": text}, 1000) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=500-2000", (500, 1000)),
        ("bytes=-2000", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-" + "9" * 30, (0, 1000)),
        ("bytes=-" + "9" * 5000, (0, 1000)),
    ],
)
def test_with_standard_behaviour_a_range_is_cut(text, expected):
    assert resolve_range({"range": text, "x-oss-range-behavior": "standard"}, 1000) == expected


def test_with_standard_behaviour_a_range_behind_the_end_is_refused():
    for text, size in (("bytes=1000-2000", 1000), ("bytes=1000-", 1000), ("bytes=0-", 0), ("bytes=-0", 10)):
        with pytest.raises(OSSErrorResponse) as raised:
            resolve_range({"range": text, "x-oss-range-behavior": "standard"}, size)
        assert raised.value.status == 416
        assert raised.value.headers == {"Content-Range": f"bytes */{size}"}


def test_several_ranges_are_refused():
    with pytest.raises(OSSErrorResponse) as raised:
        resolve_range({"range": "bytes=0-1,3-4"}, 10)
    assert raised.value.code == "InvalidRange"
