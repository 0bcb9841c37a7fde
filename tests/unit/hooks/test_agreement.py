"""Each history of a store that can only be read and overwritten: processes that are delayed, or die, at any step."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from airflow_provider_pai.hooks.agreement import agree

KEY = "key"
WRITES_AT_MOST = 7
"""Of each of two processes: enough for most of two ballots."""


class Pause(Exception):
    """The process has come to a step that was not made yet."""


@dataclass
class Process:
    """One that agrees; it is run again from its beginning for each step, with the answers that it got."""

    name: str
    answers: tuple[str | float | None, ...] = ()
    wrote: int = 0
    slept: float = 0.0
    decided: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def step(self, texts: dict[str, str]) -> None:
        """Make one step: a read, a write, or a pause."""
        replayed = iter(self.answers)

        def make(act: str, key: str = "", value: str = "", seconds: float = 0.0) -> str | float | None:
            for answer in replayed:
                return answer
            answer: str | float | None = seconds
            if act == "read":
                answer = texts.get(key)
            elif act == "write":
                texts[key] = value
                self.wrote += 1
            else:
                self.slept = seconds
            self.answers += (answer,)
            raise Pause

        class Steps:
            def read(self, key: str) -> str | None:
                found = make("read", key)
                assert not isinstance(found, float)
                return found

            def write(self, key: str, value: str) -> None:
                make("write", key, value)

        try:
            chance = random.Random(self.name)
            sleep = lambda seconds: make("sleep", seconds=seconds)  # noqa: E731
            self.decided = agree(Steps(), KEY, self.name, sleep=sleep, chance=chance.random)
        except Pause:
            pass


def test_one_alone_decides_what_it_proposes_without_waiting() -> None:
    texts: dict[str, str] = {}
    process = Process("first")
    while not process.decided:
        process.step(texts)
    assert (process.decided, texts[KEY], process.slept) == ("first", "first", 0.0)


def histories(names: str) -> Iterator[list[Process]]:
    """Yield the processes after each possible order of steps, in which any of them may stop anywhere."""
    seen = set()
    todo: list[tuple[dict[str, str], list[Process]]] = [({}, [Process(name) for name in names])]
    while todo:
        texts, processes = todo.pop()
        yield processes
        for chosen, process in enumerate(processes):
            if process.decided or process.wrote >= WRITES_AT_MOST:
                continue
            after = dict(texts)
            moved = Process(process.name, process.answers, process.wrote)
            moved.step(after)
            every = [moved if number == chosen else each for number, each in enumerate(processes)]
            state = (tuple((each.answers, each.decided) for each in every), tuple(sorted(after.items())))
            if hash(state) not in seen:
                seen.add(hash(state))
                todo.append((after, every))


def test_two_processes_agree_in_each_order_of_their_steps() -> None:
    decided = [{each.decided for each in processes} - {""} for processes in histories("ab")]
    assert len(decided) > 1000
    assert max(len(each) for each in decided) == 1
    assert {"a"} in decided
    assert {"b"} in decided


@pytest.mark.parametrize("seed", range(20))
def test_many_processes_agree_whatever_they_are_delayed_by(seed: int) -> None:
    """Some steps take a hundred thousand times as long as others, some processes die."""
    for history in range(15):
        rng = random.Random(f"{seed} {history}")
        texts: dict[str, str] = {}
        processes = [Process(f"{number}") for number in range(rng.randint(2, 6))]
        decided = set()
        due = [(rng.random(), number) for number in range(len(processes))]
        heapq.heapify(due)
        while due:
            now, number = heapq.heappop(due)
            process = processes[number]
            process.slept = 0.0
            process.step(texts)
            if process.decided:
                decided.add(process.decided)
                assert texts[KEY] == process.decided
            elif rng.random() > 0.005:
                heapq.heappush(due, (now + process.slept + 10 ** rng.uniform(-3, 2), number))
        assert len(decided) <= 1
        late = Process("late")
        while not late.decided:
            late.step(texts)
        assert decided <= {late.decided}


def test_many_at_the_same_moment_agree_within_seconds() -> None:
    rng = random.Random(1)
    texts: dict[str, str] = {}
    due = [(0.0, number) for number in range(40)]
    processes = [Process(f"{number}") for number in range(40)]
    last = 0.0
    while due:
        now, number = heapq.heappop(due)
        process = processes[number]
        process.slept = 0.0
        process.step(texts)
        last = now
        if not process.decided:
            heapq.heappush(due, (now + process.slept + rng.uniform(0.005, 0.05), number))
    assert len({process.decided for process in processes}) == 1
    assert last < 15
