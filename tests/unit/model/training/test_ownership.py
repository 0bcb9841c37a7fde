from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
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
    owner_of,
    plan_adoption,
)
from airflow_provider_pai.model.training.status import JobSnapshot

OWNER = JobOwner("https://airflow.example", "dag", "manual__2026-01-01", "train", max_tries=3, try_number=3)
"""The second try of generation 1: a person has cleared the task after its first try."""
OTHER = replace(OWNER, task_id="other")


def job(job_id: str, status: str, generation: int = 1, created: str = "", of: JobOwner = OWNER) -> JobSnapshot:
    labels = replace(of, max_tries=2 * generation + 1, try_number=(1, 3, 4)[generation]).labels()
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
    found = plan_adoption(OWNER, jobs)
    assert (found.adopt.job_id if found.adopt else None, found.stop) == (adopted, stopped)


def test_only_active_jobs_of_this_generation_that_are_being_stopped_are_ending() -> None:
    def stopping(job_id: str, status: str, generation: int = 1) -> JobSnapshot:
        found = job(job_id, status, generation)
        return replace(found, labels={**found.labels, STOPPING_LABEL: "true"})

    leaving = stopping("j1", "Running")
    others = [stopping("j2", "Terminated"), stopping("j3", "Running", 0), job("j4", "Running")]
    foreign = replace(leaving, job_id="j5", labels={**leaving.labels, KEY_LABEL: OTHER.key})
    assert jobs_being_stopped(OWNER, [leaving, *others, foreign]) == [leaving]


def test_the_first_try_takes_a_success_that_has_appeared_since_it_began() -> None:
    first = replace(OWNER, max_tries=1, try_number=1)
    done = job("j1", "Succeed", 0)
    mine = job("j2", "Running", 0)
    assert plan_adoption(first, [done, mine], appeared=["j1", "j2"]) == AdoptionPlan(adopt=done, stop=("j2",))
    assert plan_adoption(first, [done, mine], appeared=["j2"]) == AdoptionPlan(adopt=mine)


def test_the_first_try_takes_no_success_since_it_is_not_its_own() -> None:
    first = replace(OWNER, max_tries=1, try_number=1)
    assert plan_adoption(first, [job("j1", "Succeed", 0)]).adopt is None
    assert plan_adoption(first, [job("j1", "Running", 0)]).adopt is not None


def test_the_first_try_adopts_no_job_that_is_older_than_itself_but_stops_it() -> None:
    started = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    first = replace(OWNER, max_tries=1, try_number=1, started=started)
    older, younger = job("j4", "Running", 0), job("j6", "Running", 0)
    assert plan_adoption(first, [older]) == AdoptionPlan(stop=("j4",))
    assert plan_adoption(first, [job("j4", "Succeed", 0)]) == AdoptionPlan()
    assert plan_adoption(first, [older, younger]) == AdoptionPlan(adopt=younger, stop=("j4",))
    assert plan_adoption(first, [older], appeared=["j4"]).adopt == older
    assert plan_adoption(replace(first, try_number=2), [older]).adopt == older


@pytest.mark.parametrize("retries", range(5))
@pytest.mark.parametrize("status", ["Running", "Succeed"])
def test_an_edit_of_retries_in_the_dag_file_changes_no_generation(retries: int, status: str) -> None:
    # The second try; the first had other retries.
    owner = replace(OWNER, max_tries=3, retries=retries, try_number=2)
    kept = JobSnapshot("j1", status, labels=replace(owner, retries=3, try_number=1).labels())
    assert plan_adoption(owner, [kept]) == AdoptionPlan(adopt=kept)
    assert jobs_to_stop(owner, [kept]) == ([kept] if status == "Running" else [])


def test_a_cleared_task_is_the_newer_one_even_when_its_max_tries_fell_with_its_retries() -> None:
    old = replace(OWNER, max_tries=3, try_number=1)
    cleared = replace(OWNER, max_tries=1, try_number=2)
    of_old, of_new = (JobSnapshot(name, "Running", labels=of.labels()) for name, of in (("j1", old), ("j2", cleared)))
    assert plan_adoption(cleared, [of_old]) == AdoptionPlan(stop=("j1",))
    assert plan_adoption(old, [of_old, of_new]) == AdoptionPlan(stop=("j1",), superseded_by=of_new)


def labels_of_the_version_before(owner: JobOwner) -> dict[str, str]:
    """As they were written when the generation was ``max_tries - retries``."""
    return {
        "airflow.key": owner.key,
        "airflow.generation": str(owner.max_tries - owner.retries),
        "airflow.try": str(owner.try_number),
        "airflow.deployment": owner.deployment,
        "airflow.dag_id": owner.dag_id,
        "airflow.run_id": owner.run_id,
        "airflow.task_id": owner.task_id,
        "airflow.map_index": str(owner.map_index),
    }


def test_a_job_that_the_version_before_has_labelled_is_adopted_and_stopped_as_it_was() -> None:
    first = replace(OWNER, max_tries=3, retries=3, try_number=1)
    kept = JobSnapshot("j1", "Running", labels=labels_of_the_version_before(first))
    assert plan_adoption(replace(first, try_number=2), [kept]) == AdoptionPlan(adopt=kept)
    cleared = replace(first, max_tries=4, try_number=2)
    assert plan_adoption(cleared, [kept]) == AdoptionPlan(stop=("j1",))


def test_a_job_under_a_former_name_of_the_environment_is_adopted() -> None:
    first = replace(OWNER, max_tries=3, try_number=1)
    kept = JobSnapshot("j1", "Running", labels=first.labels())
    moved = replace(first, deployment="production", former=(first.deployment, "airflow"), try_number=2)
    assert plan_adoption(moved, [kept]) == AdoptionPlan(adopt=kept)
    assert moved.claim()[KEY_LABEL] == moved.key, "from then on it is found under the new name"
    assert plan_adoption(replace(moved, max_tries=5), [kept]) == AdoptionPlan(stop=("j1",))


def test_a_job_under_a_name_that_any_airflow_may_have_had_is_not_stopped() -> None:
    other = replace(OWNER, deployment="airflow", max_tries=3, try_number=1)
    kept = JobSnapshot("j1", "Running", labels=other.labels())
    mine = replace(other, deployment="production", former=("airflow",), max_tries=5, try_number=2)
    assert plan_adoption(mine, [kept]) == AdoptionPlan()


def test_iterations_of_a_loop_have_owners_of_their_own() -> None:
    passes = [replace(OWNER, region_id="0198-loop", region_index=index, try_number=2) for index in (0, 1)]
    assert len({owner.key for owner in (*passes, OWNER)}) == 3
    of_first = JobSnapshot("j1", "Succeed", labels=passes[0].labels())
    assert plan_adoption(passes[1], [of_first]) == AdoptionPlan()
    assert owner_of(of_first, OWNER.deployment) == replace(passes[0], retries=0)
    assert of_first.labels["airflow.region_index"] == "0"


LONG = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: (text * 250)[:250])


@given(LONG, LONG, LONG)
@example("d" * 250, "manual__a=b,c", "ü" * 250)
def test_an_owner_is_read_from_its_labels_however_long_its_names_are(dag_id: str, run_id: str, task_id: str) -> None:
    owner = JobOwner("production", dag_id, run_id, task_id, map_index=2, max_tries=4, try_number=3)
    labels = owner.labels()
    assert all(len(value.encode()) <= 128 and not set(value) & set("=,") for value in labels.values())
    assert owner_of(JobSnapshot("j1", "Running", labels=labels), "production") == owner
    assert owner_of(JobSnapshot("j1", "Running", labels=labels), "another") is None


def test_a_job_that_is_being_stopped_is_neither_taken_nor_stopped_again() -> None:
    stopping = job("j1", "Running")
    stopping = replace(stopping, labels={**stopping.labels, STOPPING_LABEL: "true"})
    assert plan_adoption(OWNER, [stopping]) == AdoptionPlan()


def test_an_attempt_holds_its_active_jobs_but_for_those_a_later_try_has_taken() -> None:
    mine, ended, older, foreign = (
        job("j1", "Running"),
        job("j2", "Failed"),
        job("j3", "Running", 0),
        job("j4", "Running", of=OTHER),
    )
    taken = job("j5", "Running")
    taken = replace(taken, labels={**taken.labels, TRY_LABEL: "4"})
    assert jobs_to_stop(OWNER, [mine, ended, older, foreign, taken]) == [mine]


@pytest.mark.parametrize("status", ["Running", "Succeed", "Failed", "Terminated"])
def test_an_attempt_that_a_newer_generation_has_replaced_only_ends_what_it_left_behind(status: str) -> None:
    found = plan_adoption(OWNER, [job("own", "Running"), job("older", "Running", 0), job("newer", status, 2)])
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
    st.sampled_from([OWNER, OTHER]),
)


@given(st.lists(JOBS), st.randoms())
def test_two_copies_of_an_attempt_choose_the_same_whatever_the_order(jobs: list[JobSnapshot], random: Any) -> None:
    shuffled = random.sample(jobs, len(jobs))
    first, second = plan_adoption(OWNER, jobs), plan_adoption(OWNER, shuffled)
    assert first.adopt == second.adopt
    assert set(first.stop) == set(second.stop)


@given(st.lists(JOBS))
def test_at_most_one_job_is_left_to_run(jobs: list[JobSnapshot]) -> None:
    found = plan_adoption(OWNER, jobs)
    key = OWNER.key
    kept = [
        each.job_id
        for each in jobs
        if each.labels[KEY_LABEL] == key and not each.is_terminal and int(each.labels[TRY_LABEL]) <= 3
    ]
    assert set(kept) - set(found.stop) <= ({found.adopt.job_id} if found.adopt else set())


@given(st.lists(JOBS))
def test_neither_an_adopted_nor_an_ended_nor_a_foreign_job_is_stopped(jobs: list[JobSnapshot]) -> None:
    found = plan_adoption(OWNER, jobs)
    by_id = {each.job_id: each for each in jobs}
    for job_id in found.stop:
        assert not by_id[job_id].is_terminal
        assert by_id[job_id].labels[KEY_LABEL] == OWNER.key
        assert found.adopt is None or job_id != found.adopt.job_id


def test_a_plan_for_nothing_is_empty() -> None:
    assert plan_adoption(OWNER, iter(())) == AdoptionPlan()


def test_a_generation_that_is_no_number_counts_as_the_first() -> None:
    odd = JobSnapshot("j1", "Running", labels={KEY_LABEL: OWNER.key, GENERATION_LABEL: "²"})
    assert plan_adoption(OWNER, [odd]).stop == ("j1",)
    assert plan_adoption(replace(OWNER, max_tries=0), [odd]).adopt == odd


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
    changed: dict[str, Any] = {part: getattr(OWNER, part) + "x"}
    assert replace(OWNER, **changed).key != OWNER.key


def test_parts_of_the_key_do_not_run_into_each_other() -> None:
    assert JobOwner("a", "bc", "d", "e").key != JobOwner("ab", "c", "d", "e").key
    assert JobOwner("a", "b", "c", "d", 1).key != JobOwner("a", "b", "c", "d1").key


def test_the_key_is_the_same_for_all_generations() -> None:
    assert replace(OWNER, max_tries=7, try_number=9).key == OWNER.key


def test_the_key_is_short_and_stays_the_same_over_versions() -> None:
    # A key that changes with an upgrade of the provider would orphan the jobs that run at that time.
    assert JobOwner("https://airflow.example", "dag", "run", "task", 3).key == "c823236ffd74678a01b9"


def test_labels_carry_the_key_the_generation_and_what_a_person_searches_for() -> None:
    labels = replace(OWNER, map_index=4, retries=2).labels()
    assert labels == {
        "airflow.key": replace(OWNER, map_index=4).key,
        "airflow.generation": "1",
        "airflow.max_tries": "3",
        "airflow.try": "3",
        "airflow.deployment": "https://airflow.example",
        "airflow.dag_id": "dag",
        "airflow.run_id": "manual__2026-01-01",
        "airflow.task_id": "train",
        "airflow.map_index": "4",
    }


def test_the_filter_finds_jobs_of_all_generations() -> None:
    assert OWNER.filters()[0].items() <= replace(OWNER, max_tries=9).labels().items()


@given(st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text * 20))
@example("ü" * 100)
def test_readable_labels_fit_and_hold_no_separators(text: str) -> None:
    value = JobOwner("d", text, "r", "t").labels()["airflow.dag_id"]
    assert len(value.encode()) <= 128
    assert not set(value) & set("=,")
    assert text.replace("=", "-").replace(",", "-").startswith(value)
