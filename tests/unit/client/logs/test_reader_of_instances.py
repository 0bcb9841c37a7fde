"""The log of a job with several instances, and a reader that starts again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE, LOG_PAGE_SIZE, NO_INSTANCE_YET
from airflow_provider_pai.client.logs.reader import PAGES_PER_READ, LogReader
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
from tests.support.log_server import JOB, LogServer, Reads, Warnings, until_caught_up

NO_ANSWER = TransportError("no answer", sent=True)


@pytest.mark.parametrize("kind", [APIError, NotFoundError])
def test_a_job_without_an_instance_yet_is_nothing_to_warn_of(kind: type[APIError]) -> None:
    warnings = Warnings()
    server = LogServer(5, errors=[kind("ListTrainingJobLogs", 404, NO_INSTANCE_YET, "not yet")])
    reads = Reads(server, warnings)
    assert reads.read() == []
    assert warnings == []
    assert reads.read() == server.lines


def test_each_line_names_its_instance_when_there_are_several() -> None:
    server = LogServer(2, instances=2)
    assert Reads(server).read() == [
        "[master-0] line 0",
        "[master-0] line 1",
        "[worker-0] line 0",
        "[worker-0] line 1",
    ]


def test_the_only_instance_is_not_named() -> None:
    server = LogServer(1)
    assert Reads(server).read() == ["line 0"]
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
    reads = Reads(server)
    server.members = {"Instances": [{"Name": f"{JOB}-worker-0"}]}
    assert reads.read() == ["[worker-0] line 0"]
    server.members = {}
    assert reads.read() == ["[master-0] line 0"]


def test_a_talkative_instance_does_not_hold_up_the_others() -> None:
    server = LogServer(0, instances=4)
    server.grow(50 * LOG_PAGE_SIZE, f"{JOB}-master-0")
    for name in list(server.logs)[1:]:
        server.grow(1, name)
    reads = Reads(server)
    lines = reads.read(pages=4)
    assert [line for line in lines if "master" not in line] == [f"[worker-{number}] line 0" for number in range(3)]
    assert reads.behind


def test_with_more_instances_than_pages_each_gets_its_turn() -> None:
    server = LogServer(1, instances=7)
    reads = Reads(server)
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


def test_an_unreadable_log_of_an_instance_does_not_hold_up_the_others() -> None:
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
def test_an_unreadable_log_of_an_instance_shortens_no_other_log(error: PAIError) -> None:
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
    reads = LogReader(Refusing(server, REFUSED, *("master-0", "0") if refused else ["absent"]), JOB, Warnings())
    reads.read(server.got())
    assert reads.behind
    reads.read(server.got())
    assert not reads.behind


def test_a_resumed_reader_finds_out_the_size_of_pages_first() -> None:
    server = LogServer(130, cap=20)
    reads = Reads(server, shown={"": 110})
    assert list(until_caught_up(reads)) == server.lines[110:]
    assert [int(request["PageNumber"]) for request in server.requests][:4] == [1, 2, 1, 6]


def test_a_reader_resumed_near_the_beginning_sends_one_request() -> None:
    server = LogServer(60)
    assert Reads(server, shown={"": 50}).read() == server.lines[50:]
    assert len(server.requests) == 1


def test_a_resumed_reader_ignores_an_answer_older_than_what_was_shown() -> None:
    server = LogServer(150)
    newest, server.lines = server.lines, server.lines[:30]
    reads = Reads(server, shown={"": 140})
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
    reads = LogReader(server, JOB, Warnings())
    assert reads.read(server.got(), 1) == []
    server.grow(1, f"{JOB}-master-0")
    assert reads.read(server.got()) == ["[master-0] line 0"]
    assert not reads.behind
