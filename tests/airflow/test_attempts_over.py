"""Attempts that end early, or learn late that they are over: their jobs are stopped, and no other job is."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import APIError, PAIError, ProtocolError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, training
from tests.support.interrupted import interrupted, once
from tests.support.waits import PATIENCE


def quick() -> PAITrainingHook:
    """A hook that waits no time between two looks."""
    return PAITrainingHook(sleep=lambda _: None)


def jobs(attempt: Attempt) -> list[JobSnapshot]:
    labels = {"airflow.dag_id": attempt.dag_id, "airflow.run_id": attempt.run_id}
    return PAITrainingHook().jobs(labels)


def active(attempt: Attempt) -> list[str]:
    return [job.job_id for job in jobs(attempt) if not job.is_terminal and "airflow.stopping" not in job.labels]


@pytest.fixture
def tidy() -> Iterator[list[Attempt]]:
    """Attempts whose jobs are stopped after the test."""
    attempts: list[Attempt] = []
    yield attempts
    for attempt in attempts:
        for job_id in active(attempt):
            PAITrainingHook().stop(job_id)


def submitted(attempt: Attempt, tidy: list[Attempt], **arguments: Any) -> str:
    """Submit a job without waiting for it."""
    tidy.append(attempt)
    operator = training(**{"command": "sleep 60", "wait_for_completion": False, **arguments})
    operator.hook = interrupted(quick(), sleep=lambda _: None)
    job_id: str = operator.execute(attempt.context)["job_id"]
    return job_id


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_retries_edited_between_two_tries_change_nothing(pai: LocalPAI, tidy: list[Attempt], retries: int) -> None:
    first = Attempt(max_tries=3)
    job_id = submitted(first, tidy, retries=3)
    assert submitted(first.retried(), tidy, retries=retries) == job_id
    assert active(first) == [job_id]


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_task_stops_its_job_although_its_retries_were_edited_while_it_ran(
    pai: LocalPAI, tidy: list[Attempt], retries: int
) -> None:
    first = Attempt(max_tries=3)
    submitted(first, tidy, retries=3)
    resumed = training(command="sleep 60", retries=retries)
    resumed._owner = resumed._owner_in(first.context)
    resumed.on_kill()
    assert active(first) == []


def test_a_clear_after_retries_were_lowered_by_the_tries_used_says_to_clear_once_more(
    pai: LocalPAI, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(attempt: Attempt, retries: int) -> tuple[str, bool]:
        job_id = str(training(command="true", retries=retries).execute(attempt.context)["job_id"])
        return job_id, "clear it once more" in capsys.readouterr().out + caplog.text

    first = Attempt(max_tries=2)
    second = first.retried()
    made, _ = run(second, 2)
    # An automatic retry after the result was lost takes the job and says nothing.
    assert run(second.retried(), 2) == (made, False)
    # Airflow's max_tries after the clear is what it was before: 2 = 2 tries + 0 retries.
    cleared = second.cleared(retries=0)
    assert cleared.max_tries == first.max_tries
    assert run(cleared, 0) == (made, True)
    again, _ = run(cleared.cleared(retries=0), 0)
    assert again != made


def test_a_job_that_is_taken_with_other_arguments_is_named_with_them(
    pai: LocalPAI, tidy: list[Attempt], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Attempt(max_tries=1)
    job_id = submitted(first, tidy, hyperparameters={"lr": 0.1}, environments={"A": "1"})
    changed = {"hyperparameters": {"lr": 0.2}, "environments": {"A": "2"}}
    assert submitted(first.retried(), tidy, **changed) == job_id
    said = capsys.readouterr().out + caplog.text
    assert "other values of: environments, hyperparameters" in said


def test_a_first_try_takes_no_running_job_of_a_deleted_run_of_the_same_id(pai: LocalPAI, tidy: list[Attempt]) -> None:
    first = Attempt()
    old = submitted(first, tidy)
    again = replace(first, xcoms={}, start_date=first.start_date + timedelta(seconds=5))
    new = submitted(again, tidy)
    assert new != old
    assert active(first) == [new]


def test_passes_of_a_loop_have_jobs_of_their_own(pai: LocalPAI, tidy: list[Attempt]) -> None:
    passes = [Attempt(run_id="loop", max_tries=1) for _ in range(2)]
    for index, attempt in enumerate(passes):
        attempt.region_id, attempt.region_index = "0198a0e0-0000-7000-8000-000000000001", index
    first, second = submitted(passes[0], tidy), submitted(passes[1], tidy)
    assert first != second
    later = passes[1].retried()
    assert submitted(later, tidy) == second


@dataclass
class Refusing(Attempt):
    """An attempt whose XComs Airflow refuses."""

    error: Exception | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        assert self.error is not None
        raise self.error


class Refused(Exception):
    """As Airflow's SDK says it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"API_SERVER_ERROR {status}")
        self.error = type("ErrorResponse", (), {"detail": {"status_code": status}})()


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", [403, 404, 409])
def test_an_attempt_stops_its_job_when_its_xcom_is_refused(pai: LocalPAI, deferrable: bool, status: int) -> None:
    attempt = Refusing(max_tries=2, error=Refused(status))
    operator = training(command="sleep 60", retries=2, deferrable=deferrable)
    with pytest.raises(Refused):
        operator.execute(attempt.context)
    assert active(attempt) == []


@pytest.mark.parametrize("error", [Refused(503), ConnectionError("no route")], ids=repr)
def test_an_airflow_that_can_not_be_reached_costs_no_job(pai: LocalPAI, error: Exception) -> None:
    attempt = Refusing(max_tries=2, error=error)
    assert training(retries=2).execute(attempt.context)["status"] == "Succeed"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("action", ["GetTrainingJob", "CreateTrainingJob"])
def test_ctrl_c_stops_the_job(pai: LocalPAI, kind: type[BaseException], action: str) -> None:
    def interrupt() -> None:
        raise kind

    attempt = Attempt(max_tries=2)
    operator = training(command="sleep 60", retries=2)
    operator.hook = interrupted(quick(), after=once(action, interrupt), sleep=lambda _: None)
    with pytest.raises(kind):
        operator.execute(attempt.context)
    assert len(jobs(attempt)) == 1
    assert active(attempt) == []


def test_ctrl_c_leaves_a_job_that_is_to_be_left(pai: LocalPAI, tidy: list[Attempt]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    attempt = Attempt()
    tidy.append(attempt)
    operator = training(command="sleep 60", on_kill="leave")
    operator.hook = interrupted(quick(), after=once("GetTrainingJob", interrupt))
    with pytest.raises(KeyboardInterrupt):
        operator.execute(attempt.context)
    assert len(active(attempt)) == 1


@pytest.mark.parametrize("leave", [False, True])
def test_ctrl_c_while_a_trigger_runs_in_dag_test_stops_the_job(pai: LocalPAI, tidy: list[Attempt], leave: bool) -> None:
    attempt = Attempt()
    tidy.append(attempt)
    with pytest.raises(TaskDeferred) as deferred:
        training(command="sleep 60", deferrable=True).execute(attempt.context)
    _, arguments = deferred.value.trigger.serialize()
    trigger = PAITrainingTrigger(**{**arguments, "stop_on_kill": not leave})

    async def run() -> None:
        # As Airflow's dag.test() does; the terminal sends the signal to this process.
        asyncio.get_running_loop().call_later(1.0, os.kill, os.getpid(), signal.SIGINT)
        await anext(trigger.run())

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run())
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(active(attempt)) == leave


def test_a_trigger_that_only_moves_to_another_triggerer_stops_no_job(pai: LocalPAI, tidy: list[Attempt]) -> None:
    attempt = Attempt()
    tidy.append(attempt)
    with pytest.raises(TaskDeferred) as deferred:
        training(command="sleep 60", deferrable=True).execute(attempt.context)
    _, arguments = deferred.value.trigger.serialize()

    async def run() -> None:
        running = asyncio.create_task(anext(PAITrainingTrigger(**arguments).run()))
        await asyncio.sleep(0.5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert len(active(attempt)) == 1


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


NONCE = APIError("CreateTrainingJob", 400, "SignatureNonceUsed", "the nonce was used")


@pytest.mark.parametrize("error", [NONCE, ProtocolError("HTML instead of an answer"), ProtocolError("empty")], ids=repr)
def test_a_create_of_unknown_outcome_is_looked_for_and_not_repeated(
    pai: LocalPAI, tidy: list[Attempt], error: Exception
) -> None:
    attempt = Attempt()
    tidy.append(attempt)
    operator = training(command="sleep 60", wait_for_completion=False)
    operator.hook = interrupted(quick(), after=once("CreateTrainingJob", raising(error)), sleep=lambda _: None)
    job_id = operator.execute(attempt.context)["job_id"]
    assert [job.job_id for job in jobs(attempt)] == [job_id]
    assert pai.faults.counts()["CreateTrainingJob"] == 1


def test_a_nonce_that_was_used_is_answered_by_a_new_one_where_that_is_safe(pai: LocalPAI) -> None:
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, status=400, code="SignatureNonceUsed"))
    assert training().execute(Attempt().context)["status"] == "Succeed"


@pytest.mark.parametrize("action", ["ListTrainingJobs", "ListEcsSpecs", "CreateTrainingJob"])
def test_a_task_that_begins_in_an_outage_waits_for_its_end(pai: LocalPAI, action: str) -> None:
    pai.faults.add(Fault(action, FaultKind.THROTTLE, times=12))
    attempt = Attempt()
    operator = training()
    operator.hook = interrupted(quick(), sleep=lambda _: None)
    assert operator.execute(attempt.context)["status"] == "Succeed"
    assert len(jobs(attempt)) == 1


def test_a_task_gives_up_when_the_outage_lasts_too_long(pai: LocalPAI) -> None:
    pai.faults.add(Fault("ListTrainingJobs", FaultKind.ERROR, status=503, times=1000))
    operator = training(outage_limit=0)
    operator.hook = interrupted(quick(), sleep=lambda _: None)
    with pytest.raises(PAIError):
        operator.execute(Attempt().context)
    pai.faults.clear()


def test_a_retry_adopts_the_job_that_could_not_be_stopped(pai: LocalPAI, tidy: list[Attempt]) -> None:
    first = Attempt(max_tries=1)
    job_id = submitted(first, tidy)
    PAITrainingHook().label(job_id, {"airflow.stopping": "true"})
    pai.faults.add(Fault("StopTrainingJob", FaultKind.ERROR, status=503, times=10_000))
    assert submitted(first.retried(), tidy) == job_id
    pai.faults.clear()
    assert len(jobs(first)) == 1


def test_a_job_of_an_older_generation_that_can_not_be_stopped_is_named_and_nothing_submitted(
    pai: LocalPAI, tidy: list[Attempt]
) -> None:
    first = Attempt()
    job_id = submitted(first, tidy)
    pai.faults.add(Fault("StopTrainingJob", FaultKind.ERROR, status=403, code="Forbidden.RAM", times=10_000))
    with pytest.raises(PAIError, match=f"job {job_id}.* could not be stopped, and nothing was submitted"):
        submitted(first.cleared(), tidy)
    pai.faults.clear()
    assert len(jobs(first)) == 1


def test_refused_labels_are_said_with_what_no_longer_holds_and_the_right_to_give(
    pai: LocalPAI, tidy: list[Attempt], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING)
    first = Attempt(max_tries=1)
    submitted(first, tidy)
    pai.faults.add(Fault("UpdateTrainingJobLabels", FaultKind.ERROR, status=403, code="Forbidden.RAM", times=10))
    submitted(first.retried(), tidy)
    pai.faults.clear()
    said = capsys.readouterr().out + caplog.text
    assert "an earlier copy of this task that is still alive may stop it" in said
    assert "pai:UpdateTrainingJobLabels" in said


def test_a_retry_waits_for_a_list_that_lags_longer_than_its_delay(pai: LocalPAI, tidy: list[Attempt]) -> None:
    import requests

    first = Attempt(max_tries=1)
    job_id = submitted(first, tidy)

    def lag(seconds: float) -> None:
        url = f"{pai.ready.api}/_local/list-lag"
        body = {"seconds": seconds}
        requests.post(url, json=body, headers=pai.ready.admin_headers, timeout=PATIENCE).raise_for_status()

    lag(600.0)
    retry = training(command="sleep 60", wait_for_completion=False)
    waits: list[float] = []
    retry.hook = PAITrainingHook(sleep=lambda seconds: (waits.append(seconds), lag(0.0))[0])
    assert retry.execute(first.retried().context)["job_id"] == job_id
    assert waits == [1.0]
