from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.api.training import LOG_PAGE_SIZE, NO_INSTANCE_YET
from airflow_provider_pai.client.logs import PAGES_PER_READ, LogReader, log_tail
from airflow_provider_pai.errors import APIError, NotFoundError, PAIError, TransportError

NO_ANSWER = TransportError("no answer", sent=True)


class LogServer:
    """A log that grows, read in pages.

    Args:
        lines: how many lines there are.
        cap: the most lines the service puts on a page, whatever it is asked for.
        growth: lines that come during each further request: after the page was taken, before the total is counted.
        errors: for each further request the error it ends with; None for an answer.
    """

    def __init__(
        self, lines: int = 0, *, cap: int = 1000, growth: Iterable[int] = (), errors: Iterable[PAIError | None] = ()
    ) -> None:
        self.lines = [f"line {number}" for number in range(lines)]
        self.requests: list[dict[str, str]] = []
        self._cap = cap
        self._growth = iter(growth)
        self._errors = iter(errors)

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        assert (call.action, call.path) == ("ListTrainingJobLogs", "/api/v1/trainingjobs/train1/logs")
        assert attempts is not None
        self.requests.append(dict(call.query))
        if error := next(self._errors, None):
            self.grow(next(self._growth, 0))
            raise error
        number, size = int(call.query["PageNumber"]), min(int(call.query["PageSize"]), self._cap)
        page = self.lines[(number - 1) * size : number * size]
        self.grow(next(self._growth, 0))
        body = {"Logs": page, "TotalCount": str(len(self.lines)), "RequestId": "ID"}
        return decode_answer(call, 200, {}, json.dumps(body).encode())

    def grow(self, count: int) -> None:
        self.lines += [f"line {number}" for number in range(len(self.lines), len(self.lines) + count)]


class Warnings(list[str]):
    def __call__(self, text: str, *values: Any) -> None:
        self.append(text % values)


def reader(server: LogServer, warnings: Warnings | None = None) -> LogReader:
    return LogReader(server, "train1", Warnings() if warnings is None else warnings)


def until_caught_up(reads: LogReader) -> Iterator[str]:
    while lines := reads.read():
        yield from lines


@given(
    st.integers(0, 350),
    st.sampled_from([1, 2, 7, 20, 50, 99, 100, 101, 1000]),
    st.lists(st.integers(0, 130), max_size=12),
    st.lists(st.booleans(), max_size=12),
)
def test_every_line_is_returned_once_and_in_order(lines: int, cap: int, growth: list[int], failing: list[bool]) -> None:
    server = LogServer(lines, cap=cap, growth=growth, errors=[NO_ANSWER if fails else None for fails in failing])
    reads = reader(server)
    seen: list[str] = []
    # Each read asks at least once, so after so many without a line nothing grows and nothing fails any more.
    silent = 0
    while silent <= len(growth) + len(failing):
        came = reads.read()
        seen += came
        silent = 0 if came else silent + 1
    assert seen == server.lines


@given(st.lists(st.integers(0, 250), max_size=8), st.sampled_from([1, 20, 100, 1000]))
def test_each_read_returns_what_came_since_the_last(growth: list[int], cap: int) -> None:
    server = LogServer(cap=cap)
    reads = reader(server)
    for count in growth:
        before = len(server.lines)
        server.grow(count)
        assert list(until_caught_up(reads)) == server.lines[before:]


def test_lines_that_look_alike_are_all_returned() -> None:
    server = LogServer()
    server.lines = ["same"] * 250
    assert reader(server).read() == ["same"] * 250


def test_an_answer_older_than_the_one_before_repeats_nothing() -> None:
    server = LogServer(10)
    reads = reader(server)
    assert len(reads.read()) == 10
    newest, server.lines = server.lines, server.lines[:4]
    assert reads.read() == []
    server.lines = [*newest, "line 10"]
    assert reads.read() == ["line 10"]


def test_a_log_without_news_costs_one_request() -> None:
    server = LogServer(250)
    reads = reader(server)
    reads.read()
    server.requests.clear()
    assert reads.read() == []
    assert server.requests == [{"PageNumber": "3", "PageSize": str(LOG_PAGE_SIZE)}]


def test_a_service_with_smaller_pages_is_measured_only_once() -> None:
    server = LogServer(100, cap=50)
    reads = reader(server)
    assert reads.read() == server.lines
    first = [int(request["PageNumber"]) for request in server.requests]
    assert first == [1, 2, 1, 2, 3]
    server.grow(120)
    server.requests.clear()
    assert reads.read() == server.lines[100:]
    assert [int(request["PageNumber"]) for request in server.requests] == [3, 4, 5]


def test_a_talkative_job_does_not_hold_up_the_others() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LOG_PAGE_SIZE)
    reads = reader(server)
    assert len(reads.read()) == PAGES_PER_READ * LOG_PAGE_SIZE
    assert len(server.requests) == PAGES_PER_READ
    assert reads.behind
    assert len(reads.read()) == 5 * LOG_PAGE_SIZE
    assert not reads.behind


def test_a_reader_that_failed_is_not_behind() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LOG_PAGE_SIZE, errors=[*[None] * PAGES_PER_READ, NO_ANSWER])
    reads = reader(server)
    reads.read()
    assert reads.behind
    assert reads.read() == []
    assert not reads.behind


def test_lines_of_the_pages_before_an_error_are_returned() -> None:
    server = LogServer(250, errors=[None, None, NO_ANSWER])
    reads = reader(server)
    assert len(reads.read()) == 200
    assert reads.read() == server.lines[200:]


def test_an_error_is_told_once() -> None:
    warnings = Warnings()
    reads = reader(LogServer(errors=[NO_ANSWER] * 3), warnings)
    for _ in range(3):
        assert reads.read() == []
    assert warnings == ["The log of job train1 can't be read now (no answer); trying again"]


@pytest.mark.parametrize("kind", [APIError, NotFoundError])
def test_a_job_without_an_instance_yet_is_nothing_to_warn_of(kind: type[APIError]) -> None:
    warnings = Warnings()
    server = LogServer(5, errors=[kind("ListTrainingJobLogs", 404, NO_INSTANCE_YET, "not yet")])
    reads = reader(server, warnings)
    assert reads.read() == []
    assert warnings == []
    assert reads.read() == server.lines


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
