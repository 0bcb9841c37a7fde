from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from airflow_provider_pai.client.oss.worker_pool import WorkerPool
from airflow_provider_pai.errors import PAIError
from tests.support.waits import PATIENCE


def until_over(pool: WorkerPool) -> None:
    with suppress(PAIError):
        while True:
            pool.check()
            time.sleep(0.001)


def test_all_works_are_done() -> None:
    done: list[int] = []
    with WorkerPool(3) as pool:
        pool.work((lambda number=number: done.append(number)) for number in range(50))
    assert sorted(done) == list(range(50))


def test_several_work_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=PATIENCE)
    with WorkerPool(3) as pool:
        pool.work([meeting.wait, meeting.wait, meeting.wait])  # type: ignore[list-item]


def test_the_first_failure_ends_the_works_that_wait_and_those_that_ask() -> None:
    begun: list[str] = []

    def fail() -> None:
        raise ValueError("this one")

    def long() -> None:
        begun.append("long")
        while True:
            pool.check()
            time.sleep(0.001)

    with pytest.raises(ValueError, match="this one"), WorkerPool(2) as pool:
        pool.work([long, fail, *[long] * 100])
    assert len(begun) <= 3


def test_a_failure_is_raised_after_all_running_work_has_ended() -> None:
    working = threading.Event()
    ended: list[str] = []

    def fail() -> None:
        assert working.wait(PATIENCE)
        raise ValueError("this one")

    def slow() -> None:
        working.set()
        until_over(pool)
        time.sleep(0.3)
        ended.append("slow")

    def never() -> None:
        ended.append("never")

    with WorkerPool(2) as pool:
        with pytest.raises(ValueError, match="this one"):
            pool.work([slow, fail, *[never] * 100])
        assert ended == ["slow"]
    assert ended == ["slow"]


def test_of_several_failures_the_one_that_ended_the_others_is_raised() -> None:
    working = threading.Event()

    def long() -> None:
        working.set()
        while True:
            pool.check()
            time.sleep(0.001)

    def fail() -> None:
        assert working.wait(PATIENCE)
        raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"), WorkerPool(2) as pool:
        pool.work([long, fail])


def test_an_interruption_is_raised_after_all_running_work_has_ended() -> None:
    ended: list[str] = []

    def slow() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        until_over(pool)
        time.sleep(0.3)
        ended.append("slow")

    with WorkerPool(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.work([slow, slow, slow])
        assert ended == ["slow"]


def test_an_interruption_of_the_one_who_waits_ends_all_works() -> None:
    ended = threading.Event()

    def long() -> None:
        try:
            while True:
                pool.check()
                time.sleep(0.001)
        except PAIError:
            ended.set()

    def interrupted() -> Iterator[Callable[[], None]]:
        yield long
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), WorkerPool(1) as pool:
        pool.work(interrupted())
    assert ended.is_set()


def test_what_was_begun_is_given_up_when_the_caller_is_done() -> None:
    working = threading.Event()

    def long() -> None:
        working.set()
        while True:
            pool.check()
            time.sleep(0.001)

    with WorkerPool(2) as pool:
        quick, slow = pool.begin(lambda: 7), pool.begin(long)
        assert quick.result() == 7
        assert working.wait(PATIENCE)
    with pytest.raises(PAIError, match="no longer needed"):
        slow.result()
