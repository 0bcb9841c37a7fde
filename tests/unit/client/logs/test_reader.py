from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE, LOG_PAGE_SIZE
from airflow_provider_pai.client.logs.paging import PageSizes
from airflow_provider_pai.client.logs.reader import CHARACTERS_PER_READ, PAGES_PER_READ, LogReader
from airflow_provider_pai.errors import (
    APIError,
    TransportError,
)
from tests.support.log_server import JOB, LogServer, Reads, Warnings, until_caught_up

NO_ANSWER = TransportError("no answer", sent=True)


@settings(deadline=None)
@given(
    st.integers(0, 350),
    st.sampled_from([1, 2, 7, 20, 50, 99, 100, 101, 1000]),
    st.lists(st.integers(0, 130), max_size=12),
    st.lists(st.booleans(), max_size=12),
)
def test_every_line_is_returned_once_and_in_order(lines: int, cap: int, growth: list[int], failing: list[bool]) -> None:
    server = LogServer(lines, cap=cap, growth=growth, errors=[NO_ANSWER if fails else None for fails in failing])
    reads = Reads(server)
    seen: list[str] = []
    # Each read asks at least once, so after so many without a line nothing grows and nothing fails any more.
    silent = 0
    while silent <= len(growth) + len(failing):
        came = reads.read()
        seen += came
        silent = 0 if came else silent + 1
    assert seen == server.lines


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=12), st.integers(0, 2000))
@example([87, 169, 346, 143, 309, 270, 279], 90)
def test_hardly_a_line_comes_twice(growth: list[int], lines: int) -> None:
    """But for the first lines, while nothing is known of the service, and at most one page more than once."""
    server = LogServer(lines)
    reads = Reads(server)
    for count in (0, *growth):
        server.grow(count)
        list(until_caught_up(reads))
    assert sum(server.answered) <= len(server.lines) * 1.15 + 2 * LARGEST_LOG_PAGE


def test_a_quiet_log_is_read_in_small_pages_and_a_loud_one_in_large_ones() -> None:
    server = LogServer(20_000)
    reads = Reads(server)
    reads.read()
    assert {int(request["PageSize"]) for request in server.requests} == {LARGEST_LOG_PAGE}
    # Until it is seen to be quiet.
    reads.read()
    for _ in range(10):
        server.requests.clear()
        server.grow(7)
        assert len(reads.read()) == 7
        assert [int(request["PageSize"]) <= 2 * LOG_PAGE_SIZE for request in server.requests] == [True]


def test_ten_thousand_lines_that_come_in_twenty_seconds_take_a_call_a_second() -> None:
    server = LogServer()
    reads = Reads(server)
    for _ in range(20):
        server.grow(500)
        assert len(list(until_caught_up(reads))) == 500
    assert len(server.requests) <= 3 * 20


def test_a_service_that_refuses_large_pages_is_asked_for_small_ones_from_then_on() -> None:
    server = LogServer(2500, refused_above=100)
    reads = Reads(server)
    assert list(until_caught_up(reads)) == server.lines
    assert sum(int(request["PageSize"]) > 100 for request in server.requests) == 1


def test_what_one_reader_finds_out_of_a_service_the_others_know() -> None:
    pages = PageSizes()
    server = LogServer(2500, refused_above=100)
    for _ in range(2):
        reads = LogReader(server, JOB, Warnings(), pages=pages)
        assert len(reads.read(server.got(), pages=100)) == 2500
    assert sum(int(request["PageSize"]) > 100 for request in server.requests) == 1


def test_a_refusal_for_another_reason_does_not_make_pages_small() -> None:
    pages = PageSizes()
    refusal = APIError("ListTrainingJobLogs", 400, "InvalidParameter", "no")
    server = LogServer(2500, errors=[refusal, refusal])
    reads = LogReader(server, JOB, Warnings(), pages=pages)
    assert reads.read(server.got()) == []
    assert reads.error is refusal
    assert len(reads.read(server.got())) == 2500
    assert pages.most == LARGEST_LOG_PAGE


def test_a_log_without_a_total_is_read_to_its_end() -> None:
    server = LogServer(2500, cap=40)
    server.totals = False
    assert list(until_caught_up(Reads(server))) == server.lines


def test_long_lines_end_a_read_before_they_fill_the_memory() -> None:
    server = LogServer()
    server.lines = ["x" * 10_000] * 3000
    reads = Reads(server)
    lines = reads.read()
    assert CHARACTERS_PER_READ <= sum(map(len, lines)) < CHARACTERS_PER_READ + LARGEST_LOG_PAGE * 10_000
    assert reads.behind
    assert len(lines) + len(list(until_caught_up(reads))) == 3000


@settings(deadline=None)
@given(st.lists(st.integers(0, 250), max_size=8), st.sampled_from([1, 20, 100, 1000]))
def test_each_read_returns_what_came_since_the_last(growth: list[int], cap: int) -> None:
    server = LogServer(cap=cap)
    reads = Reads(server)
    for count in growth:
        before = len(server.lines)
        server.grow(count)
        assert list(until_caught_up(reads)) == server.lines[before:]


def test_lines_that_look_alike_are_all_returned() -> None:
    server = LogServer()
    server.lines = ["same"] * 250
    assert Reads(server).read() == ["same"] * 250


def test_an_answer_older_than_the_one_before_repeats_nothing() -> None:
    server = LogServer(10)
    reads = Reads(server)
    assert len(reads.read()) == 10
    newest, server.lines = server.lines, server.lines[:4]
    assert reads.read() == []
    server.lines = [*newest, "line 10"]
    assert reads.read() == ["line 10"]


def test_a_log_without_new_lines_costs_one_request() -> None:
    server = LogServer(250)
    reads = Reads(server)
    reads.read()
    server.requests.clear()
    server.answered.clear()
    assert reads.read() == []
    assert len(server.requests) == 1
    assert server.answered == [0]


def test_a_service_with_smaller_pages_is_measured_only_once() -> None:
    server = LogServer(100, cap=50)
    reads = Reads(server)
    assert reads.read() == server.lines
    first = [int(request["PageNumber"]) for request in server.requests]
    assert first == [1, 2, 1, 2]
    server.grow(120)
    server.requests.clear()
    assert reads.read() == server.lines[100:]
    assert [int(request["PageNumber"]) for request in server.requests] == [3, 4, 5]


def test_a_talkative_job_does_not_hold_up_the_others() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LARGEST_LOG_PAGE)
    reads = Reads(server)
    assert len(reads.read()) == PAGES_PER_READ * LARGEST_LOG_PAGE
    assert len(server.requests) == PAGES_PER_READ
    assert reads.behind
    assert len(reads.read()) == 5 * LARGEST_LOG_PAGE
    assert not reads.behind


def test_a_reader_that_failed_is_not_behind() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LARGEST_LOG_PAGE, errors=[*[None] * PAGES_PER_READ, NO_ANSWER])
    reads = Reads(server)
    reads.read()
    assert reads.behind
    assert reads.read() == []
    assert not reads.behind


def test_lines_of_the_pages_before_an_error_are_returned() -> None:
    server = LogServer(2500, errors=[None, None, NO_ANSWER])
    reads = Reads(server)
    assert len(reads.read()) == 2000
    assert reads.read() == server.lines[2000:]


def test_an_error_is_logged_once() -> None:
    warnings = Warnings()
    reads = Reads(LogServer(errors=[NO_ANSWER] * 3), warnings)
    for _ in range(3):
        assert reads.read() == []
    assert warnings == ["The log of job train1 can't be read now (no answer); trying again"]
