"""One look for all viewers: how often a job is read does not depend on how many have its page open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from airflow_provider_pai.plugin.shared import Look, SharedObservations


@dataclass(frozen=True)
class Seen:
    number: int
    is_settled: bool = False


class CountingObserver:
    """Counts how often it looks, and whether it was closed."""

    def __init__(self) -> None:
        self.looks = 0
        self.closed = 0
        self.made = 0
        self.error: Exception | None = None
        self.settled = False

    def make(self) -> CountingObserver:
        self.made += 1
        return self

    def observe(self) -> Seen:
        self.looks += 1
        if self.error:
            raise self.error
        return Seen(self.looks, self.settled)

    def close(self) -> None:
        self.closed += 1


class Viewers:
    """Pages that ask, at times that a test sets."""

    def __init__(self, most: int = 200) -> None:
        self.now = 0.0
        self.shared = SharedObservations[Seen](interval=5, clock=lambda: self.now, most=most)
        self.observer = CountingObserver()

    def ask(self, count: int = 1, key: str = "job") -> Look[Seen]:
        async def together() -> list[Look[Seen]]:
            return list(await asyncio.gather(*(self.shared.look(key, self.observer.make, 60) for _ in range(count))))

        return asyncio.run(together())[-1]


@pytest.fixture
def viewers() -> Viewers:
    return Viewers()


@pytest.mark.parametrize("count", [1, 50])
def test_fifty_pages_cause_as_many_looks_as_one(viewers: Viewers, count: int) -> None:
    for second in range(60):
        viewers.now = float(second)
        viewers.ask(count)
    assert viewers.observer.looks == 12
    assert viewers.observer.made == 1


def test_without_a_page_nothing_is_asked(viewers: Viewers) -> None:
    viewers.ask()
    viewers.now = 1000
    assert viewers.observer.looks == 1


def test_a_page_learns_when_to_ask_again(viewers: Viewers) -> None:
    assert viewers.ask().next_s == 5
    viewers.now = 3
    assert viewers.ask().next_s == 2
    viewers.observer.settled = True
    viewers.now = 5
    assert viewers.ask().next_s is None


def test_a_settled_job_is_read_once_and_its_connections_are_closed(viewers: Viewers) -> None:
    viewers.observer.settled = True
    for viewers.now in (0, 100, 10_000):
        found = viewers.ask()
    assert found.seen == Seen(1, is_settled=True)
    assert (viewers.observer.looks, viewers.observer.closed) == (1, 1)


def test_after_an_error_the_last_look_stays_and_the_connection_is_read_anew(viewers: Viewers) -> None:
    viewers.ask()
    viewers.observer.error = ValueError("down")
    viewers.now = 5
    found = viewers.ask()
    assert (found.seen, str(found.error)) == (Seen(1), "down")
    viewers.observer.error = None
    viewers.now = 15
    found = viewers.ask()
    assert (found.seen, found.error) == (Seen(3), None)
    assert (viewers.observer.made, viewers.observer.closed) == (2, 1)


def test_what_fails_again_and_again_is_asked_less_often(viewers: Viewers) -> None:
    viewers.observer.error = ValueError("gone")
    for viewers.now in range(600):
        viewers.ask()
    # At 0, 10, 30 and 70 s, and each minute from then on.
    assert viewers.observer.looks == 12
    assert viewers.ask().next_s == 11


def test_something_done_to_a_job_causes_a_look(viewers: Viewers) -> None:
    viewers.ask()
    viewers.shared.outdate("job")
    viewers.shared.outdate("another")
    viewers.ask()
    assert viewers.observer.looks == 2


def test_of_very_many_jobs_the_oldest_is_forgotten(viewers: Viewers) -> None:
    few = Viewers(most=2)
    for key in ("a", "b", "c"):
        few.ask(key=key)
    assert few.observer.closed == 1
    few.ask(key="a")
    assert few.observer.made == 4
