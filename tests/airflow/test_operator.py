"""PAITrainingOperator against local PAI: what a task's author sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_pai.api.training import list_training_jobs
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.errors import JobFailedError, JobStoppedError, JobTimeoutError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.task_attempt import owner_of
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.ownership import LOOK_BACK
from airflow_provider_pai.model.training.status import JobStatus
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, trained, training
from tests.support.triggerer import run_trigger


def jobs_of(pai: LocalPAI, hook: PAITrainingHook, attempt: Attempt) -> list[Any]:
    call = list_training_jobs(
        hook.config.workspace_id, start_time=utc_now() - LOOK_BACK, labels=owner_of(attempt, 0).filters()[0]
    )
    return list(hook.client.send(call).items)


def test_a_task_returns_where_its_model_lies(pai: LocalPAI, source: Path) -> None:
    attempt = Attempt()
    value = trained(source).execute(attempt.context)
    assert value["status"] == "Succeed"
    assert value["model_uri"].startswith(f"oss://{pai.ready.bucket}/")
    assert value["model_uri"].endswith("/model/")
    assert value["metrics"] == {"accuracy": 0.75}
    assert value["outputs"]["model"] == value["model_uri"]
    assert value["job_name"].startswith("train_2")
    assert set(value) == {
        "model_uri", "job_id", "job_name", "status", "outputs", "metrics", "console_url", "image_uri", "code_uri",
        "duration_s", "bundle_name", "bundle_version", "result",
    }  # fmt: skip
    assert PAIOSSHook().read(value["model_uri"] + "model.txt") == b"a model"
    assert attempt.xcoms["model_uri"] == value["model_uri"]
    assert attempt.xcoms["job_id"] == value["job_id"]
    assert value["job_id"] in attempt.xcoms["console_url"]
    assert attempt.xcoms == {**value, "_pai_link": value["console_url"]}, "each member is readable by its own key"
    json.dumps(value)


def test_without_xcoms_nothing_but_the_link_is_pushed(pai: LocalPAI) -> None:
    attempt = Attempt()
    value = training(do_xcom_push=False).execute(attempt.context)
    assert attempt.xcoms == {"_pai_link": value["console_url"]}


def test_a_job_that_leaves_no_model_is_said_and_makes_no_event(
    pai: LocalPAI, task_log: Callable[[], list[str]]
) -> None:
    value = training(command="true").execute(Attempt().context)
    assert not any("its model is at" in line for line in task_log())
    assert value["status"] == "Succeed"
    operator = training(command="true", model_asset="oss://models/none")
    with pytest.raises(JobFailedError, match="left no model") as failure:
        operator.execute(Attempt().context)
    assert str(failure.value).splitlines()[-1].startswith("what to do: Let it write the model into")


def test_log_lines_appear_once_and_in_order_in_the_task_log(
    pai: LocalPAI, source: Path, task_log: Callable[[], list[str]]
) -> None:
    operator = training(command="for i in $(seq 1 250); do echo line $i; done")
    operator.execute(Attempt().context)
    assert [text for text in task_log() if text.startswith("line ")] == [f"line {i}" for i in range(1, 251)]


def test_a_deferred_task_gives_the_same_result(pai: LocalPAI, source: Path, task_log: Callable[[], list[str]]) -> None:
    attempt = Attempt()
    operator = trained(source, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    assert attempt.xcoms["job_id"] in attempt.xcoms["console_url"]
    event = run_trigger(deferred.value)
    value = trained(source, deferrable=True).execute_complete(attempt.context, event)
    # Shown by the triggerer, or by the worker when the job had ended before the triggerer's first look.
    assert task_log().count("training with ['--lr', '0.1']") == 1
    assert value["status"] == "Succeed"
    assert value["metrics"] == {"accuracy": 0.75}
    assert value["image_uri"]
    assert attempt.xcoms["model_uri"] == value["model_uri"]


def test_trigger_row_and_event_hold_no_secret(pai: LocalPAI, source: Path) -> None:
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        trained(source, deferrable=True, environments={"HIDDEN": "not for the event"}).execute(attempt.context)
    everything = json.dumps([deferred.value.trigger.serialize(), run_trigger(deferred.value)])
    assert pai.ready.access_key_secret not in everything
    assert "not for the event" not in everything


def test_a_trigger_that_leaves_its_job_does_so_when_it_is_killed(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    with pytest.raises(TaskDeferred) as deferred:
        training(command="sleep 60", deferrable=True, on_kill="leave").execute(attempt.context)
    _, arguments = deferred.value.trigger.serialize()
    assert arguments["stop_on_kill"] is False
    pai.faults.reset_counts()
    asyncio.run(PAITrainingTrigger(**json.loads(json.dumps(arguments))).on_kill())
    assert pai.faults.counts() == {}
    job_id = attempt.xcoms["job_id"]
    assert not hook.get(job_id).is_terminal
    hook.stop(job_id)


def test_without_waiting_the_task_returns_at_once(pai: LocalPAI, hook: PAITrainingHook) -> None:
    value = training(command="sleep 60", wait_for_completion=False).execute(Attempt().context)
    assert value["status"] not in ("Succeed", "Failed")
    hook.stop(value["job_id"])


def test_a_failed_job_fails_the_task_with_its_reason_and_keeps_its_last_log_lines(pai: LocalPAI) -> None:
    with pytest.raises(JobFailedError, match="ended as Failed") as failure:
        training(command="echo before; echo the reason is here >&2; exit 3").execute(Attempt().context)
    assert failure.value.log_tail[-1] == "the reason is here"
    assert failure.value.snapshot.status == JobStatus.FAILED


def test_a_job_stopped_outside_its_task_is_no_success(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    hook.stop(attempt.xcoms["job_id"])
    with pytest.raises(JobStoppedError, match="Terminated"):
        operator.execute_complete(attempt.context, run_trigger(deferred.value))


def test_a_retry_adopts_the_running_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    operator = training(command="sleep 60", wait_for_completion=False, retries=2)
    job_id = operator.execute(first.context)["job_id"]
    assert operator.execute(first.retried().context)["job_id"] == job_id
    assert [job.job_id for job in jobs_of(pai, hook, first)] == [job_id]
    hook.stop(job_id)


def test_a_retry_after_a_failed_job_submits_a_new_one(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=1)
    with pytest.raises(JobFailedError):
        training(command="exit 1", retries=1).execute(first.context)
    value = training(command="echo fine", retries=1).execute(first.retried().context)
    assert value["status"] == "Succeed"
    assert {job.status for job in jobs_of(pai, hook, first)} == {"Failed", "Succeed"}


def test_a_cleared_task_stops_the_old_job_and_submits_a_new_one(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt()
    operator = training(command="sleep 60", wait_for_completion=False)
    old = operator.execute(first.context)["job_id"]
    new = operator.execute(first.cleared().context)["job_id"]
    assert new != old
    assert hook.wait(old, interval=0.1, show=list).status == "Terminated"
    assert not hook.get(new).is_terminal
    hook.stop(new)


def test_a_killed_task_stops_its_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    operator = training(command="sleep 60", wait_for_completion=False)
    job_id = operator.execute(Attempt().context)["job_id"]
    operator.on_kill()
    assert hook.wait(job_id, interval=0.1, show=list).status == "Terminated"


def test_a_dying_copy_does_not_stop_the_job_that_a_later_try_has_taken(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    dying = training(command="sleep 60", wait_for_completion=False, retries=2)
    job_id = dying.execute(first.context)["job_id"]
    alive = training(command="sleep 60", wait_for_completion=False, retries=2)
    assert alive.execute(first.retried().context)["job_id"] == job_id
    dying.on_kill()
    assert hook.get(job_id).status not in ("Terminated", "Failed")
    alive.on_kill()
    assert hook.wait(job_id, interval=0.1, show=list).status == "Terminated"


def test_a_job_that_is_being_stopped_is_not_taken_by_the_next_try(pai: LocalPAI, hook: PAITrainingHook) -> None:
    first = Attempt(max_tries=2)
    operator = training(command="trap '' TERM; sleep 60", wait_for_completion=False, retries=2)
    old = operator.execute(first.context)["job_id"]
    operator.on_kill()
    new = operator.execute(first.retried().context)["job_id"]
    assert new != old
    hook.stop(new)


def test_a_run_that_was_deleted_and_made_again_trains_again(pai: LocalPAI) -> None:
    first = Attempt(max_tries=1)
    old = training(command="true", retries=1).execute(first.context)
    assert training(command="true", retries=1).execute(first.retried().context)["job_id"] == old["job_id"]
    again = Attempt(run_id=first.run_id, max_tries=1)
    assert training(command="true", retries=1).execute(again.context)["job_id"] != old["job_id"]


def test_refused_credentials_while_waiting_leave_no_job_behind(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt(max_tries=2)
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, status=403, code="Forbidden.RAM"))
    with pytest.raises(AirflowFailException):
        training(command="sleep 60", retries=2).execute(attempt.context)
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"


def test_a_deferral_that_fails_leaves_the_job_to_the_next_try(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt(max_tries=2)
    operator = training(command="sleep 60", deferrable=True, retries=2)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    with pytest.raises(AirflowException, match="the trigger is broken"):
        operator.resume_execution("__fail__", {"error": "the trigger is broken"}, attempt.context)
    job_id = attempt.xcoms["job_id"]
    assert not hook.get(job_id).is_terminal
    hook.stop(job_id)


def test_a_deferral_that_fails_on_the_last_try_stops_the_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    with pytest.raises(AirflowException, match="Trigger timeout"):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, attempt.context)
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"


def test_what_the_triggerer_can_not_watch_the_worker_does(pai: LocalPAI) -> None:
    attempt = Attempt()
    operator = training(command="sleep 1", deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(attempt.context)
    event = {"job_id": attempt.xcoms["job_id"], "status": None, "error": "AuthError: ...", "timeout": False}
    assert operator.execute_complete(attempt.context, event)["status"] == "Succeed"


def test_a_lost_answer_to_create_leaves_exactly_one_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.DROP_AFTER))
    attempt = Attempt()
    value = training().execute(attempt.context)
    assert value["status"] == "Succeed"
    assert [job.job_id for job in jobs_of(pai, hook, attempt)] == [value["job_id"]]
    assert pai.faults.counts()["CreateTrainingJob"] == 1


def test_a_throttled_create_is_sent_again(pai: LocalPAI, hook: PAITrainingHook) -> None:
    pai.faults.add(Fault("CreateTrainingJob", FaultKind.THROTTLE, times=2, retry_after_ms=50))
    attempt = Attempt()
    assert training().execute(attempt.context)["status"] == "Succeed"
    assert len(jobs_of(pai, hook, attempt)) == 1


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.HTML, FaultKind.THROTTLE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("deferrable", [False, True])
def test_errors_while_waiting_do_not_fail_the_task(pai: LocalPAI, kind: FaultKind, deferrable: bool) -> None:
    attempt = Attempt()
    operator = training(command="sleep 1", deferrable=deferrable)
    pai.faults.add(Fault("GetTrainingJob", kind, times=2))
    pai.faults.add(Fault("ListTrainingJobLogs", kind, times=3))
    if deferrable:
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(attempt.context)
        value = operator.execute_complete(attempt.context, run_trigger(deferred.value))
    else:
        value = operator.execute(attempt.context)
    assert value["status"] == "Succeed"


def test_execution_timeout_of_a_deferred_task_stops_the_job(pai: LocalPAI, hook: PAITrainingHook) -> None:
    attempt = Attempt()
    operator = training(command="sleep 60", deferrable=True, execution_timeout=timedelta(seconds=2))
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(attempt.context)
    event = run_trigger(deferred.value)
    assert event["timeout"] is True
    assert hook.wait(attempt.xcoms["job_id"], interval=0.1, show=list).status == "Terminated"
    with pytest.raises((JobTimeoutError, JobStoppedError)):
        operator.execute_complete(attempt.context, event)
