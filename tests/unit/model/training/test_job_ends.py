from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from airflow_provider_pai.model.training.job_ends import SLACK, end_of, has_labels, plan_end_announcements
from airflow_provider_pai.model.training.status import JobSnapshot, Transition

LABEL = "airflow.announced.abc"
START = datetime(2026, 11, 24, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def job(name: str, ended: float | None = None, status: str = "Succeed", *, announced: bool = False) -> JobSnapshot:
    transitions = [Transition("Running", at(0).isoformat())]
    if ended is not None:
        transitions.append(Transition(status, at(ended).isoformat()))
    labels = {LABEL: "true"} if announced else {}
    return JobSnapshot(name, "Running" if ended is None else status, labels=labels, transitions=transitions)


def ids(jobs: tuple[JobSnapshot, ...]) -> list[str]:
    return [each.job_id for each in jobs]


def test_the_first_look_announces_the_last_end_and_later_ones_each() -> None:
    jobs = [job("a", 1), job("b", 60), job("c", 59), job("d")]
    first = plan_end_announcements(jobs, LABEL, (), at(61))
    assert (ids(first.fire), ids(first.skip), first.since) == (["b"], ["c"], at(60) - SLACK)
    jobs = [job("a", 1), job("b", 60, announced=True), job("c", 59, announced=True), job("d", 90), job("e", 80)]
    later = plan_end_announcements(jobs, LABEL, (), at(91), since=first.since)
    assert ids(later.fire) == ["e", "d"]
    # The same after a restart, where only labels tell.
    assert ids(plan_end_announcements(jobs, LABEL, (), at(91)).fire) == ["e", "d"]
    assert plan_end_announcements(jobs, LABEL, {"d", "e"}, at(91)).fire == ()


def test_a_first_look_without_any_end_is_a_beginning_too() -> None:
    first = plan_end_announcements([job("a")], LABEL, (), at(5))
    assert (first.fire, first.since) == ((), at(5) - SLACK)
    both = [job("a", 6), job("b", 7)]
    assert ids(plan_end_announcements(both, LABEL, (), at(8), since=first.since).fire) == ["a", "b"]


def test_only_wanted_ends_count() -> None:
    jobs = [job("a", 1, "Failed"), job("b", 2), job("c", 3, "Terminated"), job("d", 4, "SomethingNew")]
    found = plan_end_announcements(jobs, LABEL, (), at(5), statuses=["Failed", "Terminated"], since=at(0))
    assert ids(found.fire) == ["a", "c"]


def test_the_end_of_a_job_without_times_is_its_creation_or_long_ago() -> None:
    assert end_of(JobSnapshot("a", "Succeed", created="2026-11-24T00:00:00Z")) == START
    assert end_of(JobSnapshot("a", "Succeed")).year == 1


def test_labels_must_all_be_there() -> None:
    labelled = JobSnapshot("a", "Running", labels={"x": "1", "y": "2"})
    assert has_labels(labelled, {"x": "1"})
    assert not has_labels(labelled, {"x": "1", "y": "1"})
    assert not has_labels(labelled, {"z": ""})


class Watcher:
    """Sees jobs, and is started again now and then."""

    def __init__(self, jobs: list[JobSnapshot], *, keeps_beginning: bool) -> None:
        self.jobs = jobs
        self.fired: list[str] = []
        self._keeps_beginning = keeps_beginning
        self._memory: set[str] = set()
        self._since: datetime | None = None

    def look(self, minute: float) -> None:
        plan = plan_end_announcements(self.jobs, LABEL, self._memory, at(minute), since=self._since)
        self._since = plan.since
        announced = ids((*plan.fire, *plan.skip))
        self._memory.update(announced)
        self.jobs = [replace(one, labels={LABEL: "true"}) if one.job_id in announced else one for one in self.jobs]
        self.fired += ids(plan.fire)

    def restart(self) -> None:
        self._memory = set()
        self._since = self._since if self._keeps_beginning else None


def test_in_random_histories_no_end_is_lost_and_none_comes_twice() -> None:
    for seed in range(500):
        rng = random.Random(seed)
        watcher = Watcher([job("old", 0)], keeps_beginning=rng.random() < 0.5)
        watcher.look(1)
        for minute in range(2, rng.randint(3, 40)):
            if rng.random() < 0.5:
                watcher.jobs.append(job(f"j{minute}"))
            running = [number for number, each in enumerate(watcher.jobs) if not each.is_terminal]
            if running and rng.random() < 0.6:
                number = rng.choice(running)
                watcher.jobs[number] = job(watcher.jobs[number].job_id, minute, rng.choice(["Succeed", "Failed"]))
            if rng.random() < 0.3:
                continue  # the triggerer is away
            if rng.random() < 0.3:
                watcher.restart()
            watcher.look(minute)
        watcher.look(41)
        assert sorted(watcher.fired) == sorted(each.job_id for each in watcher.jobs if each.is_terminal), seed
