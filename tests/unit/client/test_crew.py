from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_pai.client.crew import Crew
from airflow_provider_pai.errors import PAIError


def test_all_works_are_done() -> None:
    done: list[int] = []
    with Crew(3) as crew:
        crew.work((lambda number=number: done.append(number)) for number in range(50))
    assert sorted(done) == list(range(50))


def test_several_work_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    with Crew(3) as crew:
        crew.work([meeting.wait, meeting.wait, meeting.wait])  # type: ignore[list-item]


def test_the_first_failure_ends_the_works_that_wait_and_those_that_ask() -> None:
    begun: list[str] = []

    def fail() -> None:
        raise ValueError("this one")

    def long() -> None:
        begun.append("long")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            crew.check()
            time.sleep(0.001)

    start = time.monotonic()
    with pytest.raises(ValueError, match="this one"), Crew(2) as crew:
        crew.work([long, fail, *[long] * 100])
    assert time.monotonic() - start < 20
    assert len(begun) <= 3


def test_an_interruption_of_the_one_who_waits_ends_all_works() -> None:
    ended = threading.Event()

    def long() -> None:
        try:
            while True:
                crew.check()
                time.sleep(0.001)
        except PAIError:
            ended.set()

    def interrupted() -> Iterator[Callable[[], None]]:
        yield long
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Crew(1) as crew:
        crew.work(interrupted())
    assert ended.is_set()


def test_what_was_begun_is_given_up_when_the_caller_is_done() -> None:
    working = threading.Event()

    def long() -> None:
        working.set()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            crew.check()
            time.sleep(0.001)

    start = time.monotonic()
    with Crew(2) as crew:
        quick, slow = crew.begin(lambda: 7), crew.begin(long)
        assert quick.result() == 7
        assert working.wait(10)
    assert time.monotonic() - start < 10
    with pytest.raises(PAIError, match="nobody needs it"):
        slow.result()
