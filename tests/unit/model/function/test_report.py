import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.in_job.pai_report import MARK
from airflow_provider_pai.model.function.report import (
    Report,
    parse_report_file,
    parse_report_lines,
    readable_lines,
)


def marked(**entry: object) -> str:
    return MARK + json.dumps(entry)


def test_the_last_of_each_kind_counts() -> None:
    report = parse_report_lines(
        [
            "epoch 1",
            marked(progress=0.1, text="a"),
            marked(metric="loss", value=1.0, step=1),
            marked(progress=0.5, text="b"),
            marked(metric="loss", value=None, step=2),
            marked(result={"a": 1}),
            marked(result=None),
        ]
    )
    assert (report.progress, report.text) == (0.5, "b")
    assert report.metrics == {"loss": None}
    assert (report.has_result, report.result) == (True, None)


def test_a_long_report_is_put_together_from_its_parts() -> None:
    text = json.dumps({"result": "x" * 100})
    parts = [f"{MARK}1/2 {text[:50]}", "other", f"{MARK}2/2 {text[50:]}"]
    assert parse_report_lines(parts).result == "x" * 100
    assert parse_report_lines(parts[1:]).is_empty


def test_marked_lines_are_shown_as_progress_or_not_at_all() -> None:
    lines = [
        "one",
        marked(progress=0.1, text="a"),
        marked(progress=0.25, text="epoch 1/4"),
        "[worker-0] " + marked(metric="loss", value=1),
        "[worker-0] " + marked(progress=0.5),
        "50%|### " + marked(result=1),
        "two",
    ]
    assert readable_lines(lines) == [
        "one",
        "[worker-0] Progress: 50%",
        "50%|### ",
        "two",
    ]


@given(st.binary(max_size=300))
def test_no_content_of_the_file_is_too_odd_for_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(parse_report_file(content), Report)


@given(st.text(max_size=200))
def test_no_marked_line_is_too_odd(text: str) -> None:
    assert parse_report_lines([MARK + text]).progress is None or text
    readable_lines([MARK + text])


@pytest.mark.parametrize("entry", ['{"progress": NaN}', '{"progress": true}', '{"progress": "1"}', '{"progress": {}}'])
def test_progress_that_is_no_number_is_none(entry: str) -> None:
    assert parse_report_lines([MARK + entry]).progress is None


def test_a_metric_of_the_file_that_is_not_finite_has_no_value() -> None:
    report = parse_report_file(b'{"metrics": {"loss": NaN, "acc": 0.5, "huge": 1e999}}')
    assert report.metrics == {"loss": None, "acc": 0.5, "huge": None}
    assert all(value is None or math.isfinite(value) for value in report.metrics.values())
