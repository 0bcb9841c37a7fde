"""What a task's logger is given of a job's lines."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_pai.client.logs.display import LogDisplay
from airflow_provider_pai.model.training.log_level import DEBUG, ERROR, INFO, WARNING

LINES = ["DEBUG:a:1", "step 1 %s", "WARNING:a:2", "ERROR:a:3"]


def shown(min_level: int, caplog: pytest.LogCaptureFixture, level: int = DEBUG) -> list[tuple[int, str]]:
    log = logging.getLogger("display")
    caplog.set_level(level, logger="display")
    display = LogDisplay(log, min_level)
    display.show(LINES[:2])
    display.show([])
    display.show(iter(LINES[2:]))
    assert display.has_shown == bool(caplog.records)
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_each_line_has_its_level(caplog: pytest.LogCaptureFixture) -> None:
    assert shown(DEBUG, caplog) == list(zip((DEBUG, INFO, WARNING, ERROR), LINES, strict=True))


@pytest.mark.parametrize("first", [1, 2, 3])
def test_lines_below_a_level_are_left_out(first: int, caplog: pytest.LogCaptureFixture) -> None:
    level = (DEBUG, INFO, WARNING, ERROR)[first]
    assert [text for _, text in shown(level, caplog)] == LINES[first:]


def test_no_line_is_lost_where_airflow_itself_shows_no_debug_lines(caplog: pytest.LogCaptureFixture) -> None:
    assert shown(DEBUG, caplog, INFO)[0] == (INFO, LINES[0])
