"""The janitor against local PAI; that Airflow is asked for real is shown with a real Airflow in the fault tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_pai.hooks.environment import Environment, environment
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.orphans import Orphan
from airflow_provider_pai.operators.janitor import PAIJanitorOperator
from tests.support.attempt import Attempt, training


def test_the_hook_finds_the_job_of_a_task_that_is_over_and_no_other(pai: LocalPAI) -> None:
    over, alive, detached = Attempt(run_id="over"), Attempt(run_id="alive"), Attempt(run_id="detached")
    states = {"over": "failed", "alive": "running", "detached": "success"}
    hook = PAITrainingHook()
    submitted = {}
    for attempt in (over, alive):
        operator = training(command="sleep 60", deferrable=True)
        spec = operator._checked_spec({})
        identity = operator._owner_in(attempt.context)
        submitted[attempt.run_id] = hook.submit_or_adopt(spec, identity, attempt.run_id)[0].job_id
    submitted["detached"] = training(command="sleep 60", wait_for_completion=False).execute(detached.context)["job_id"]
    try:
        orphans = hook.orphans(
            min_age=timedelta(0), state_of=lambda dag_id, run_id, task_id, map_index: states.get(run_id, "running")
        )
        assert [orphan.job.job_id for orphan in orphans] == [submitted["over"]]
        assert orphans[0].owner.run_id == "over"
    finally:
        for job_id in submitted.values():
            hook.stop(job_id)


def test_a_job_that_is_too_young_is_not_judged(pai: LocalPAI) -> None:
    hook, operator = PAITrainingHook(), training(command="sleep 60")
    identity = operator._owner_in(Attempt().context)
    job_id = hook.submit_or_adopt(operator._checked_spec({}), identity, "young")[0].job_id
    assert hook.orphans(state_of=lambda *_: "failed") == []
    hook.stop(job_id)


def test_a_task_that_leaves_its_job_when_it_is_killed_does_so(pai: LocalPAI) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", on_kill="leave", wait_for_completion=False)
    job_id = operator.execute(attempt.context)["job_id"]
    operator.on_kill()
    hook = PAITrainingHook()
    assert not hook.get(job_id).is_terminal
    assert "airflow.stopping" not in hook.get(job_id).labels
    hook.stop(job_id)


@pytest.mark.parametrize("doubt", ["", "a copy has the former id, too"])
def test_jobs_under_the_id_of_before_are_found_and_doubted_where_a_copy_has_it(pai: LocalPAI, doubt: str) -> None:
    operator, hook = training(command="sleep 60"), PAITrainingHook()
    owner = replace(operator._owner_in(Attempt().context), deployment="airflow-before")
    job_id = hook.submit_or_adopt(operator._checked_spec({}), owner, "before")[0].job_id
    named = Environment(environment().name, former_id="airflow-before", former_id_doubt=doubt)
    try:
        orphans = hook.orphans(min_age=timedelta(0), state_of=lambda *_: "failed", named=named)
        assert {each.job.job_id: each.doubt for each in orphans}[job_id] == doubt
    finally:
        hook.stop(job_id)


class Listing(PAIJanitorOperator):
    """A janitor of an Airflow that had another name before."""

    named = Environment(environment().name, former_id="airflow-before", former_id_doubt="a copy has it, too")

    def find(self, hook: PAITrainingHook) -> list[Orphan]:
        return hook.orphans(min_age=timedelta(seconds=self.min_age), state_of=lambda *_: "failed", named=self.named)


@pytest.mark.parametrize("doubt", ["", "a copy has it, too"])
def test_the_janitor_stops_a_job_under_the_id_of_before_where_no_copy_can_have_it(pai: LocalPAI, doubt: str) -> None:
    operator, hook = training(command="sleep 60"), PAITrainingHook()
    owner = replace(operator._owner_in(Attempt().context), deployment="airflow-before")
    job_id = hook.submit_or_adopt(operator._checked_spec({}), owner, "before")[0].job_id
    janitor = Listing(task_id="janitor", stop=True, min_age=timedelta(0))
    janitor.named = replace(janitor.named, former_id_doubt=doubt)
    try:
        (found,) = [each for each in janitor.execute(Attempt().context) if each["job_id"] == job_id]
        assert found["stopped"] is not bool(doubt)
        assert ("airflow.stopping" in hook.get(job_id).labels) is not bool(doubt)
    finally:
        hook.stop(job_id)
