from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.client.logs.tail import log_tail
from airflow_provider_pai.errors import PAIError, TransportError
from tests.support.log_server import JOB, LogServer

NO_ANSWER = TransportError("no answer", sent=True)


@given(st.integers(0, 450), st.integers(0, 400), st.sampled_from([1, 20, 50, 100, 1000]))
def test_the_tail_is_the_last_lines(lines: int, count: int, cap: int) -> None:
    server = LogServer(lines, cap=cap)
    assert log_tail(server, "train1", count) == tuple(server.lines[max(0, lines - count) :])


def test_the_tail_of_a_long_log_costs_few_requests() -> None:
    server = LogServer(100_050)
    assert log_tail(server, "train1", 50) == tuple(server.lines[-50:])
    assert [int(request["PageNumber"]) for request in server.requests] == [1, 1001]


@pytest.mark.parametrize("errors", [[NO_ANSWER], [None, NO_ANSWER]], ids=["first page", "last page"])
def test_a_tail_that_cannot_be_read_is_empty(errors: list[PAIError | None]) -> None:
    assert log_tail(LogServer(300, errors=errors), "train1", 50) == ()


def test_a_job_without_a_log_has_an_empty_tail() -> None:
    assert log_tail(LogServer(), "train1", 50) == ()


def test_the_tail_of_instances_is_shared_and_names_them() -> None:
    server = LogServer(250, instances=3)
    instances = [f"{JOB}-worker-0", f"{JOB}-worker-1"]
    assert log_tail(server, JOB, 4, instances) == (
        "[worker-0] line 248",
        "[worker-0] line 249",
        "[worker-1] line 248",
        "[worker-1] line 249",
    )


def test_of_very_many_instances_the_tail_is_that_of_the_job() -> None:
    server = LogServer(3, instances=9)
    assert log_tail(server, JOB, 2, list(server.logs)) == ("line 1", "line 2")
