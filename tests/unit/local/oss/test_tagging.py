"""Tags are read as OSS writes them and kept within its limits."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.tagging import TAGGING_HEADER, encode_tags, read_tagging_header, tags_of

_TEXT = st.text(string.ascii_letters + string.digits + " +-=._:/模é", max_size=40)


@given(st.dictionaries(_TEXT.filter(bool), _TEXT, max_size=10))
def test_tags_come_back_as_they_were_kept(tags):
    kept = encode_tags(tags.items())
    assert tags_of({TAGGING_HEADER: kept}) == tags
    assert dict(read_tagging_header(kept)) == tags


def test_a_header_may_name_keys_without_values():
    assert read_tagging_header("a&b=&c=d%20e") == [("a", ""), ("b", ""), ("c", "d e")]
    assert read_tagging_header("") == []


@pytest.mark.parametrize(
    "tags",
    [
        [(f"k{number}", "v") for number in range(11)],
        [("k", "1"), ("k", "2")],
        [("", "v")],
        [("k" * 129, "v")],
        [("k", "v" * 257)],
        [("k", "v?")],
        [("k&", "v")],
    ],
)
def test_tags_beyond_a_limit_are_refused(tags):
    with pytest.raises(OSSErrorResponse, match="InvalidTag"):
        encode_tags(tags)


def test_the_largest_tags_are_kept():
    tags = [(f"{number}".rjust(128, "k"), "v" * 256) for number in range(10)]
    assert tags_of({TAGGING_HEADER: encode_tags(tags)}) == dict(tags)
