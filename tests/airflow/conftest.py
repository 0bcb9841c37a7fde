"""What tests of Airflow's side share."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest


@pytest.fixture
def task_log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the task's log would show: outside of a task runner, Airflow 3 prints it and 2.11 hands it to logging."""
    caplog.set_level("INFO", logger="airflow.task")

    def lines() -> list[str]:
        printed = re.finditer(r"\[info +\] (.*?)(?=  +\[|$)", capsys.readouterr().out, re.MULTILINE)
        found = [line[1].rstrip() for line in printed] or [record.getMessage() for record in caplog.records]
        # Each line is told once, as by capsys.
        caplog.clear()
        return found

    return lines
