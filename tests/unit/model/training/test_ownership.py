from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_pai.model.training.ownership import (
    GENERATION_LABEL,
    KEY_LABEL,
    STOPPING_LABEL,
    TRY_LABEL,
    AdoptionPlan,
    JobOwner,
    jobs_being_stopped,
    jobs_to_stop,
    plan_adoption,
)
from airflow_provider_pai.model.training.status import JobSnapshot

IDENTITY = JobOwner("https://airflow.example", "dag", "manual__2026-01-01", "train", generation=1, try_number=3)
"""The second try of generation 1."""
OTHER = replace(IDENTITY, task_id="other")


def job(job_id: str, status: str, generation: int = 1, created: str = "", of: JobOwner = IDENTITY) -> JobSnapshot:
    labels = replace(of, generation=generation).labels()
    return JobSnapshot(job_id, status, created=created or f"2026-01-01T00:00:0{job_id[-1]}Z", labels=labels)


@pytest.mark.parametrize(
    ("jobs", "adopted", "stopped"),
    [
        pytest.param([], None, (), id="no job"),
        pytest.param([job("j1", "Running")], "j1", (), id="active, same generation"),
        pytest.param([job("j1", "Creating")], "j1", (), id="just created, same generation"),
        pytest.param([job("j1", "Succeed")], "j1", (), id="succeeded, same generation"),
        pytest.param([job("j1", "Failed")], None, (), id="failed"),
        pytest.param([job("j1", "CreateFailed"), job("j2", "InitializeFailed")], None, (), id="never ran"),
        pytest.param([job("j1", "Terminated")], None, (), id="terminated"),
        pytest.param([job("j1", "Failed"), job("j2", "Running")], "j2", (), id="failed, then active"),
        pytest.param([job("j1", "Running", 0)], None, ("j1",), id="older generation active"),
        pytest.param([job("j1", "Succeed", 0)], None, (), id="older generation succeeded"),
        pytest.param([job("j1", "Failed", 0)], None, (), id="older generation failed"),
        pytest.param([job("j1", "Running", 0), job("j2", "Running")], "j2", ("j1",), id="older active beside own"),
        pytest.param([job("j1", "Pausing")], "j1", (), id="unknown status, same generation"),
        pytest.param([job("j1", "Pausing", 0)], None, ("j1",), id="unknown status, older generation"),
        pytest.param([job("j2", "Running"), job("j1", "Creating")], "j1", ("j2",), id="two active of one generation"),
        pytest.param([job("j1", "Running"), job("j2", "Succeed")], "j2", ("j1",), id="active beside succeeded"),
        pytest.param([job("j1", "Succeed"), job("j2", "Succeed")], "j1", (), id="two succeeded"),
        pytest.param([job("j1", "Running", 2)], None, (), id="newer generation active"),
        pytest.param([job("j1", "Running", of=OTHER)], None, (), id="foreign key"),
        pytest.param([job("j1", "Running", 0, of=OTHER)], None, (), id="foreign key, older generation"),
        pytest.param([JobSnapshot("j1", "Running")], None, (), id="no labels"),
    ],
)
def test_what_an_attempt_does_about_the_jobs_it_finds(
    jobs: list[JobSnapshot], adopted: str | None, stopped: tuple[str, ...]
) -> None:
    found = plan_adoption(IDENTITY, jobs)
    assert (found.adopt.job_id if found.adopt else None, found.stop) == (adopted, stopped)


def test_only_active_jobs_of_this_generation_that_are_being_stopped_are_ending() -> None:
    def stopping(job_id: str, status: str, generation: int = 1) -> JobSnapshot:
        found = job(job_id, status, generation)
        return replace(found, labels={**found.labels, STOPPING_LABEL: "true"})

    leaving = stopping("j1", "Running")
    others = [stopping("j2", "Terminated"), stopping("j3", "Running", 0), job("j4", "Running")]
    foreign = replace(leaving, job_id="j5", labels={**leaving.labels, KEY_LABEL: OTHER.key})
    assert jobs_being_stopped(IDENTITY, [leaving, *others, foreign]) == [leaving]


def test_the_first_try_takes_a_success_that_has_appeared_since_it_began() -> None:
    first = replace(IDENTITY, generation=0, try_number=1)
    done = job("j1", "Succeed", 0)
    mine = job("j2", "Running", 0)
    assert plan_adoption(first, [done, mine], appeared=["j1", "j2"]) == AdoptionPlan(adopt=done, stop=("j2",))
    assert plan_adoption(first, [done, mine], appeared=["j2"]) == AdoptionPlan(adopt=mine)


def test_the_first_try_of_a_generation_takes_no_success_since_it_is_not_its_own() -> None:
    first = replace(IDENTITY, try_number=2)
    assert plan_adoption(first, [job("j1", "Succeed")]).adopt is None
    assert plan_adoption(first, [job("j1", "Running")]).adopt is not None


def test_a_job_that_is_being_stopped_is_neither_taken_nor_stopped_again() -> None:
    stopping = job("j1", "Running")
    stopping = replace(stopping, labels={**stopping.labels, STOPPING_LABEL: "true"})
    assert plan_adoption(IDENTITY, [stopping]) == AdoptionPlan()


def test_an_attempt_holds_its_active_jobs_but_for_those_a_later_try_has_taken() -> None:
    mine, ended, older, foreign = (
        job("j1", "Running"),
        job("j2", "Failed"),
        job("j3", "Running", 0),
        job("j4", "Running", of=OTHER),
    )
    taken = job("j5", "Running")
    taken = replace(taken, labels={**taken.labels, TRY_LABEL: "4"})
    assert jobs_to_stop(IDENTITY, [mine, ended, older, foreign, taken]) == [mine]


@pytest.mark.parametrize("status", ["Running", "Succeed", "Failed", "Terminated"])
def test_an_attempt_that_a_newer_generation_has_replaced_only_ends_what_it_left_behind(status: str) -> None:
    found = plan_adoption(IDENTITY, [job("own", "Running"), job("older", "Running", 0), job("newer", status, 2)])
    assert found.superseded_by is not None
    assert found.superseded_by.job_id == "newer"
    assert found.adopt is None
    assert set(found.stop) == {"own", "older"}


STATUSES = st.sampled_from(["Creating", "Running", "Succeed", "Failed", "Terminated", "Pausing"])
JOBS = st.builds(
    job,
    st.uuids().map(str),
    STATUSES,
    st.integers(0, 2),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"]),
    st.sampled_from([IDENTITY, OTHER]),
)


@given(st.lists(JOBS), st.randoms())
def test_two_copies_of_an_attempt_choose_the_same_whatever_the_order(jobs: list[JobSnapshot], random: Any) -> None:
    shuffled = random.sample(jobs, len(jobs))
    first, second = plan_adoption(IDENTITY, jobs), plan_adoption(IDENTITY, shuffled)
    assert first.adopt == second.adopt
    assert set(first.stop) == set(second.stop)


@given(st.lists(JOBS))
def test_at_most_one_job_is_left_to_run(jobs: list[JobSnapshot]) -> None:
    found = plan_adoption(IDENTITY, jobs)
    key = IDENTITY.key
    kept = [
        each.job_id
        for each in jobs
        if each.labels[KEY_LABEL] == key and not each.is_terminal and int(each.labels[GENERATION_LABEL]) <= 1
    ]
    assert set(kept) - set(found.stop) <= ({found.adopt.job_id} if found.adopt else set())


@given(st.lists(JOBS))
def test_neither_an_adopted_nor_an_ended_nor_a_foreign_job_is_stopped(jobs: list[JobSnapshot]) -> None:
    found = plan_adoption(IDENTITY, jobs)
    by_id = {each.job_id: each for each in jobs}
    for job_id in found.stop:
        assert not by_id[job_id].is_terminal
        assert by_id[job_id].labels[KEY_LABEL] == IDENTITY.key
        assert found.adopt is None or job_id != found.adopt.job_id


def test_a_plan_for_nothing_is_empty() -> None:
    assert plan_adoption(IDENTITY, iter(())) == AdoptionPlan()


def test_a_generation_that_is_no_number_counts_as_the_first() -> None:
    odd = JobSnapshot("j1", "Running", labels={KEY_LABEL: IDENTITY.key, GENERATION_LABEL: "²"})
    assert plan_adoption(IDENTITY, [odd]).stop == ("j1",)
    assert plan_adoption(replace(IDENTITY, generation=0), [odd]).adopt == odd


PARTS = st.fixed_dictionaries(
    {
        "deployment": st.text(max_size=5),
        "dag_id": st.text(max_size=5),
        "run_id": st.text(max_size=5),
        "task_id": st.text(max_size=5),
        "map_index": st.integers(-1, 20),
    }
)


@given(PARTS, PARTS)
def test_the_key_differs_when_any_part_differs(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (JobOwner(**first).key == JobOwner(**second).key) == (first == second)


@pytest.mark.parametrize("part", ["deployment", "dag_id", "run_id", "task_id"])
def test_the_key_differs_when_one_part_is_longer(part: str) -> None:
    changed: dict[str, Any] = {part: getattr(IDENTITY, part) + "x"}
    assert replace(IDENTITY, **changed).key != IDENTITY.key


def test_parts_of_the_key_do_not_run_into_each_other() -> None:
    assert JobOwner("a", "bc", "d", "e").key != JobOwner("ab", "c", "d", "e").key
    assert JobOwner("a", "b", "c", "d", 1).key != JobOwner("a", "b", "c", "d1").key


def test_the_key_is_the_same_for_all_generations() -> None:
    assert replace(IDENTITY, generation=7).key == IDENTITY.key


def test_the_key_is_short_and_stays_the_same_over_versions() -> None:
    # A key that changes with an upgrade of the provider would orphan the jobs that run at that time.
    assert JobOwner("https://airflow.example", "dag", "run", "task", 3).key == "c823236ffd74678a01b9"


def test_labels_carry_the_key_the_generation_and_what_a_person_searches_for() -> None:
    labels = replace(IDENTITY, map_index=4).labels()
    assert labels == {
        "airflow.key": replace(IDENTITY, map_index=4).key,
        "airflow.generation": "1",
        "airflow.try": "3",
        "airflow.deployment": "https://airflow.example",
        "airflow.dag_id": "dag",
        "airflow.run_id": "manual__2026-01-01",
        "airflow.task_id": "train",
        "airflow.map_index": "4",
    }


def test_the_filter_finds_jobs_of_all_generations() -> None:
    assert IDENTITY.filter().items() <= replace(IDENTITY, generation=9).labels().items()


@given(st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text * 20))
@example("ü" * 100)
def test_readable_labels_fit_and_hold_no_separators(text: str) -> None:
    value = JobOwner("d", text, "r", "t").labels()["airflow.dag_id"]
    assert len(value.encode()) <= 128
    assert not set(value) & set("=,")
    assert text.replace("=", "-").replace(",", "-").startswith(value)
