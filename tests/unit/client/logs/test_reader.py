from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE, LOG_PAGE_SIZE, NO_INSTANCE_YET
from airflow_provider_pai.client.logs.paging import PageSizes
from airflow_provider_pai.client.logs.reader import CHARACTERS_PER_READ, PAGES_PER_READ, LogReader
from airflow_provider_pai.errors import (
    APIError,
    NotFoundError,
    PAIError,
    ProtocolError,
    ServerError,
    ThrottledError,
    TransportError,
)
from airflow_provider_pai.model.training.log_cursor import LogCursor
from tests.support.log_server import JOB, LogServer

NO_ANSWER = TransportError("no answer", sent=True)


class Warnings(list[str]):
    def __call__(self, text: str, *values: Any) -> None:
        self.append(text % values)


class Reads:
    """A reader of a server's job that is asked for one job at a time."""

    def __init__(
        self, server: LogServer, warnings: Warnings | None = None, shown: dict[str, int] | None = None
    ) -> None:
        self.server = server
        self.reader = LogReader(server, "train1", Warnings() if warnings is None else warnings, shown)

    def read(self, pages: int = PAGES_PER_READ) -> list[str]:
        return self.reader.read(self.server.got(), pages)

    @property
    def behind(self) -> bool:
        return self.reader.behind


reader = Reads


def until_caught_up(reads: Reads) -> Iterator[str]:
    while lines := reads.read():
        yield from lines


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=12), st.integers(0, 2000))
@example([87, 169, 346, 143, 309, 270, 279], 90)
def test_hardly_a_line_comes_twice(growth: list[int], lines: int) -> None:
    """But for the first lines, while nothing is known of the service, and at most one page more than once."""
    server = LogServer(lines)
    reads = reader(server)
    for count in (0, *growth):
        server.grow(count)
        list(until_caught_up(reads))
    assert sum(server.answered) <= len(server.lines) * 1.1 + 2 * LARGEST_LOG_PAGE


def test_a_quiet_log_is_read_in_small_pages_and_a_loud_one_in_large_ones() -> None:
    server = LogServer(20_000)
    reads = reader(server)
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
    reads = reader(server)
    for _ in range(20):
        server.grow(500)
        assert len(list(until_caught_up(reads))) == 500
    assert len(server.requests) <= 3 * 20


def test_a_service_that_refuses_large_pages_is_asked_for_small_ones_from_then_on() -> None:
    server = LogServer(2500, refused_above=100)
    reads = reader(server)
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


def test_a_log_whose_number_of_lines_is_not_told_is_read_to_its_end() -> None:
    server = LogServer(2500, cap=40)
    server.totals = False
    assert list(until_caught_up(reader(server))) == server.lines


def test_long_lines_end_a_read_before_they_fill_the_memory() -> None:
    server = LogServer()
    server.lines = ["x" * 10_000] * 3000
    reads = reader(server)
    lines = reads.read()
    assert CHARACTERS_PER_READ <= sum(map(len, lines)) < CHARACTERS_PER_READ + LARGEST_LOG_PAGE * 10_000
    assert reads.behind
    assert len(lines) + len(list(until_caught_up(reads))) == 3000


@settings(deadline=None)
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
    server.answered.clear()
    assert reads.read() == []
    assert len(server.requests) == 1
    assert server.answered == [0]


def test_a_service_with_smaller_pages_is_measured_only_once() -> None:
    server = LogServer(100, cap=50)
    reads = reader(server)
    assert reads.read() == server.lines
    first = [int(request["PageNumber"]) for request in server.requests]
    assert first == [1, 2, 1, 2]
    server.grow(120)
    server.requests.clear()
    assert reads.read() == server.lines[100:]
    assert [int(request["PageNumber"]) for request in server.requests] == [3, 4, 5]


def test_a_talkative_job_does_not_hold_up_the_others() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LARGEST_LOG_PAGE)
    reads = reader(server)
    assert len(reads.read()) == PAGES_PER_READ * LARGEST_LOG_PAGE
    assert len(server.requests) == PAGES_PER_READ
    assert reads.behind
    assert len(reads.read()) == 5 * LARGEST_LOG_PAGE
    assert not reads.behind


def test_a_reader_that_failed_is_not_behind() -> None:
    server = LogServer((PAGES_PER_READ + 5) * LARGEST_LOG_PAGE, errors=[*[None] * PAGES_PER_READ, NO_ANSWER])
    reads = reader(server)
    reads.read()
    assert reads.behind
    assert reads.read() == []
    assert not reads.behind


def test_lines_of_the_pages_before_an_error_are_returned() -> None:
    server = LogServer(2500, errors=[None, None, NO_ANSWER])
    reads = reader(server)
    assert len(reads.read()) == 2000
    assert reads.read() == server.lines[2000:]


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


def test_each_line_names_its_instance_when_there_are_several() -> None:
    server = LogServer(2, instances=2)
    assert reader(server).read() == [
        "[master-0] line 0",
        "[master-0] line 1",
        "[worker-0] line 0",
        "[worker-0] line 1",
    ]


def test_the_only_instance_is_not_named() -> None:
    server = LogServer(1)
    assert reader(server).read() == ["line 0"]
    assert server.requests == [{"PageNumber": "1", "PageSize": str(LARGEST_LOG_PAGE)}]


def test_instances_that_a_list_does_not_name_are_asked_for_once() -> None:
    server = LogServer(1, instances=3)
    reads = LogReader(server, JOB, Warnings())
    for _ in range(3):
        reads.read(server.listed())
    assert server.actions.count("GetTrainingJob") == 1


def test_a_job_that_has_not_begun_is_not_asked_for_its_instances() -> None:
    server = LogServer(0, instances=3)
    server.status = "Submitted"
    assert LogReader(server, JOB, Warnings()).read(server.listed()) == []
    assert server.actions == []


def test_a_job_that_ended_before_its_instances_came_still_has_a_log() -> None:
    server = LogServer(1, instances=2)
    server.status = "InitializeFailed"
    server.members = {"Instances": []}
    assert LogReader(server, JOB, Warnings()).read(server.listed()) == ["line 0"]


def test_an_instance_that_comes_late_is_read_from_its_beginning() -> None:
    server = LogServer(1, instances=2)
    reads = reader(server)
    server.members = {"Instances": [{"Name": f"{JOB}-worker-0"}]}
    assert reads.read() == ["[worker-0] line 0"]
    server.members = {}
    assert reads.read() == ["[master-0] line 0"]


def test_a_talkative_instance_does_not_hold_up_the_others() -> None:
    server = LogServer(0, instances=4)
    server.grow(50 * LOG_PAGE_SIZE, f"{JOB}-master-0")
    for name in list(server.logs)[1:]:
        server.grow(1, name)
    reads = reader(server)
    lines = reads.read(pages=4)
    assert [line for line in lines if "master" not in line] == [f"[worker-{number}] line 0" for number in range(3)]
    assert reads.behind


def test_with_more_instances_than_pages_each_gets_its_turn() -> None:
    server = LogServer(1, instances=7)
    reads = reader(server)
    came = [reads.read(pages=3) for _ in range(3)]
    assert [len(lines) for lines in came] == [3, 3, 1]
    assert len({line for lines in came for line in lines}) == 7


class Refusing:
    """Answers as a server does, but for what it is asked of some instances."""

    def __init__(self, server: LogServer, error: PAIError, *instances: str) -> None:
        self.error: PAIError | None = error
        self.asked = 0
        self._server = server
        self._instances = instances

    def send(self, call: Any, *, attempts: int | None = None) -> Any:
        if self.error and call.query.get("InstanceId", "").endswith(self._instances):
            self.asked += 1
            raise self.error
        return self._server.send(call, attempts=attempts)


REFUSED = APIError("ListTrainingJobLogs", 400, "Gone", "no such instance")


def test_an_instance_whose_log_cannot_be_read_does_not_hold_up_the_others() -> None:
    server = LogServer(1, instances=3)
    warnings = Warnings()
    reads = LogReader(Refusing(server, REFUSED, "worker-0"), JOB, warnings)
    assert reads.read(server.got()) == ["[master-0] line 0", "[worker-1] line 0"]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        NotFoundError("ListTrainingJobLogs", 404, NO_INSTANCE_YET, "not yet"),
        ServerError("ListTrainingJobLogs", 500, "InternalError", "broken"),
        ProtocolError("no JSON"),
    ],
)
def test_an_instance_whose_log_cannot_be_read_shortens_no_other_log(error: PAIError) -> None:
    server = LogServer(30 * LARGEST_LOG_PAGE, instances=3)
    reads = LogReader(Refusing(server, error, "worker-0"), JOB, Warnings())
    lines = reads.read(server.got())
    while reads.behind:
        lines += reads.read(server.got())
    assert len(lines) == 2 * 30 * LARGEST_LOG_PAGE


def test_while_an_instance_cannot_be_read_the_error_is_known() -> None:
    server = LogServer(1, instances=5)
    refusing = Refusing(server, REFUSED, "worker-0")
    reads = LogReader(refusing, JOB, Warnings())
    for _ in range(3):
        reads.read(server.got(), pages=2)
    assert not reads.behind
    assert reads.error is REFUSED
    refusing.error = None
    assert reads.read(server.got()) == ["[worker-0] line 0"]
    assert reads.error is None


def test_an_error_that_passes_is_known_before_one_that_stays() -> None:
    server = LogServer(1, instances=3, errors=[*[None] * 4, NO_ANSWER])
    reads = LogReader(Refusing(server, REFUSED, "master-0"), JOB, Warnings())
    errors = []
    for _ in range(3):
        reads.read(server.got())
        errors.append(reads.error)
    assert errors == [REFUSED, REFUSED, NO_ANSWER]


@pytest.mark.parametrize("error", [NO_ANSWER, ThrottledError("ListTrainingJobLogs", 429, "Throttling.User", "slow")])
def test_an_error_that_is_everybodys_ends_the_read(error: PAIError) -> None:
    server = LogServer(1, instances=5)
    refusing = Refusing(server, error, "0", "1", "2", "3")
    reads = LogReader(refusing, JOB, Warnings())
    assert reads.read(server.got()) == []
    assert refusing.asked == 1
    assert not reads.behind
    refusing.error = None
    assert len(reads.read(server.got())) == 5


def test_an_error_of_the_question_which_instances_there_are_is_known_until_there_is_an_answer() -> None:
    server = LogServer(1, instances=2)
    answers = [NO_ANSWER, None]

    class Failing:
        def send(self, call: Any, *, attempts: int | None = None) -> Any:
            if call.action == "GetTrainingJob" and (error := answers.pop(0)):
                raise error
            return server.send(call, attempts=attempts)

    reads = LogReader(Failing(), JOB, Warnings())
    assert reads.read(server.listed()) == []
    assert reads.error is NO_ANSWER
    assert len(reads.read(server.listed())) == 2
    assert reads.error is None


@pytest.mark.parametrize("refused", [False, True])
def test_many_instances_that_are_quiet_leave_nothing_behind(refused: bool) -> None:
    server = LogServer(1, instances=2 * PAGES_PER_READ)
    reads = LogReader(Refusing(server, REFUSED, *("master-0", "0") if refused else ["nobody"]), JOB, Warnings())
    reads.read(server.got())
    assert reads.behind
    reads.read(server.got())
    assert not reads.behind


def test_whoever_goes_on_finds_out_the_size_of_pages_first() -> None:
    server = LogServer(130, cap=20)
    reads = reader(server, shown={"": 110})
    assert list(until_caught_up(reads)) == server.lines[110:]
    assert [int(request["PageNumber"]) for request in server.requests][:4] == [1, 2, 1, 6]


def test_whoever_goes_on_near_the_beginning_asks_for_nothing_more() -> None:
    server = LogServer(60)
    assert reader(server, shown={"": 50}).read() == server.lines[50:]
    assert len(server.requests) == 1


def test_whoever_goes_on_is_not_confused_by_an_answer_older_than_what_was_shown() -> None:
    server = LogServer(150)
    newest, server.lines = server.lines, server.lines[:30]
    reads = reader(server, shown={"": 140})
    assert reads.read() == []
    server.lines = newest
    assert reads.read() == newest[140:]


STEPS = st.one_of(
    st.tuples(st.just("grow"), st.integers(0, 2), st.integers(0, 250)),
    st.tuples(st.just("read"), st.integers(1, 5), st.booleans()),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("fail"), st.integers(1, 3), st.just(0)),
)


@settings(deadline=None)
@given(
    st.integers(1, 3),
    st.sampled_from([1, 7, 50, 100, 1000]),
    st.lists(STEPS, max_size=20),
    st.lists(st.integers(0, 90)),
)
def test_over_restarts_every_line_of_every_instance_is_returned_once_and_in_order(
    instances: int, cap: int, steps: list[tuple[str, int, int]], growth: list[int]
) -> None:
    failing: list[Any] = []
    server = LogServer(instances=instances, cap=cap, growth=growth, errors=iter(lambda: failing and failing.pop(), 0))
    reads = LogReader(server, JOB, Warnings())
    seen: list[str] = []
    for kind, number, more in steps:
        if kind == "grow":
            server.grow(more, list(server.logs)[number % instances])
        elif kind == "fail":
            failing += [NO_ANSWER] * number
        elif kind == "restart":
            labels = LogCursor(0, reads.shown).labels(1)
            reads = LogReader(server, JOB, Warnings(), LogCursor.from_labels(labels, 1).lines)
        else:
            seen += reads.read(server.listed() if more else server.got(), number)
    # Each read asks at least once, so after so many without a line nothing grows and nothing fails any more.
    silent, most = 0, len(growth) + len(failing)
    while silent <= most:
        came = reads.read(server.got())
        seen += came
        silent = 0 if came else silent + 1
    for name, log in server.logs.items():
        mark = f"[{name.removeprefix(JOB + '-')}] " if instances > 1 else ""
        assert [line for line in seen if line.startswith(mark)] == [mark + line for line in log]


def test_a_read_that_ends_the_turns_of_the_one_before_looks_at_the_other_instances_too() -> None:
    server = LogServer(0, instances=2)
    reads = reader(server)
    assert reads.read(pages=1) == []
    server.grow(1, f"{JOB}-master-0")
    assert reads.read() == ["[master-0] line 0"]
    assert not reads.behind
