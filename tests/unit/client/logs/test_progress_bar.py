from __future__ import annotations

import pytest

from airflow_provider_pai.client.logs.progress_bar import latest_segment
from airflow_provider_pai.client.logs.reader import LogReader
from tests.support.log_server import JOB, LogServer


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("epoch 1", "epoch 1"),
        ("", ""),
        ("windows line\r", "windows line"),
        (" 10%|# | 1/10\r 50%|##| 5/10\r100%|###| 10/10", "100%|###| 10/10"),
        ("\r 10%\r 20%\r", " 20%"),
        ("\r\r", ""),
    ],
    ids=["none", "empty", "line end", "bar", "bar that ends with a return", "nothing"],
)
def test_of_a_progress_bar_its_last_state_is_shown(line: str, shown: str) -> None:
    assert latest_segment(line) == shown


def test_a_bar_counts_as_the_one_line_that_it_is() -> None:
    server = LogServer()
    server.lines = ["begin", "1/3\r2/3\r3/3", "end"]
    reads = LogReader(server, JOB, print)
    assert reads.read(server.got()) == ["begin", "3/3", "end"]
    assert reads.shown == {"": 3}
