"""The janitor against local PAI; that Airflow is asked for real is shown with a real Airflow in the fault tests."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
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
