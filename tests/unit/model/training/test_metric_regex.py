"""Which regular expressions take the beginning of a number for all of it."""

from __future__ import annotations

import re

import pytest

from airflow_provider_pai.model.training.metric_regex import may_cut


@pytest.mark.parametrize(
    "regex",
    [
        r"loss=([0-9.]+)",
        r"loss=([\d.]+)",
        r"loss=(\d+\.\d+)",
        r"loss=(?P<value>[0-9.]+)",
        r"(?:step \d+ )?loss=([-+]?[0-9]*\.?[0-9]+)",
        r"\(loss\) ([0-9.]+)",
        r"[(]loss[)] ([0-9.]+)",
        r"[])]loss=([0-9.]+)",
        r"loss=((?:[0-9]+\.)?[0-9]+)",
    ],
)
def test_a_regex_without_exponents_may_cut_a_number(regex: str) -> None:
    assert re.compile(regex).groups == 1
    assert may_cut(regex)


@pytest.mark.parametrize(
    "regex",
    [
        r"loss=(\S+)",
        r"loss=(.*)",
        r"loss=([0-9.eE+-]+)",
        r"loss=([-+]?\d+\.\d+(?:e[-+]?\d+)?)",
        r"loss=([0-9.]+)\s",
        r"acc=([0-9.]+)%",
        r"epoch=([a-z]+)",
        r"loss=",
        r"(?:loss)",
        "",
    ],
)
def test_a_regex_that_takes_exponents_or_says_what_follows_does_not(regex: str) -> None:
    assert not may_cut(regex)
