"""PAITrainingSensor: a job of others is waited for, and its end is the task's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_pai.errors import JobCommandError, JobStoppedError, NotFoundError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.sensors.training import PAITrainingSensor
from tests.support.attempt import Attempt, executed, training
from tests.support.triggerer import run_trigger
from tests.support.waits import PATIENCE

MODES: list[dict[str, Any]] = [{}, {"deferrable": True}, {"mode": "reschedule"}]
IDS = ["waiting", "deferred", "rescheduled"]


def sensor(job_id: str, **arguments: Any) -> PAITrainingSensor:
    return PAITrainingSensor(task_id="wait", job_id=job_id, **{"poke_interval": 0.2, "timeout": PATIENCE, **arguments})


def submitted(**arguments: Any) -> str:
    """A job that a task has submitted and doesn't wait for."""
    value: dict[str, Any] = training(wait_for_completion=False, **arguments).execute(Attempt().context)
    return str(value["job_id"])


def run(made: PAITrainingSensor, attempt: Attempt) -> Any:
    """What Airflow does with a sensor; what it reschedules is called again until the job has ended."""
    if made.mode == "reschedule":
        PAITrainingHook().wait(made.job_id, interval=0.2, show=list)
        made._check()
        found = made.poke(attempt.context)
        return found.xcom_value if not isinstance(found, bool) else found
    try:
        return executed(made, attempt.context)
    except TaskDeferred as deferred:
        return made.execute_complete(attempt.context, run_trigger(deferred), **deferred.kwargs or {})


@pytest.mark.parametrize("mode", MODES, ids=IDS)
def test_the_result_and_the_xcoms_are_those_of_the_operator(pai: LocalPAI, mode: dict[str, Any]) -> None:
    command = "sleep 1; echo loss=0.5; echo '##pai-report {\"result\": 3}'"
    metrics = [{"name": "loss", "regex": "loss=([0-9.]+)"}]
    job_id = submitted(command=command, metric_definitions=metrics, reports=True)
    attempt = Attempt(task_id="wait")
    value = run(sensor(job_id, **mode), attempt)
    other = Attempt()
    assert value.keys() == executed(training(), other.context).keys()
    assert (value["job_id"], value["status"], value["metrics"]) == (job_id, "Succeed", {"loss": 0.5})
    assert value["result"] == 3
    assert value["model_uri"].startswith("oss://")
    assert attempt.xcoms.keys() == other.xcoms.keys()


@pytest.mark.parametrize("mode", MODES, ids=IDS)
def test_the_error_of_a_failed_job_is_that_of_the_operator(pai: LocalPAI, mode: dict[str, Any]) -> None:
    job_id = submitted(command="sleep 1; echo no such column; exit 3")
    with pytest.raises(JobCommandError, match=r"(?s)exit code 3.*what to do:"):
        run(sensor(job_id, **mode), Attempt(task_id="wait"))
    with pytest.raises(AirflowFailException):
        run(sensor(job_id, fail_fast=True, **mode), Attempt(task_id="wait"))
    with pytest.raises(AirflowSkipException, match="exit code 3"):
        run(sensor(job_id, skip_on_exit_code=[3, 4], **mode), Attempt(task_id="wait"))
    with pytest.raises(JobCommandError):
        run(sensor(job_id, skip_on_exit_code=4, **mode), Attempt(task_id="wait"))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_that_takes_too_long_is_left_running(pai: LocalPAI, deferrable: bool) -> None:
    hook = PAITrainingHook()
    job_id = submitted(command="sleep 60")
    try:
        with pytest.raises(AirflowSensorTimeout, match="keeps running"):
            run(sensor(job_id, timeout=1, deferrable=deferrable), Attempt(task_id="wait"))
        with pytest.raises(AirflowSkipException, match="keeps running"):
            run(sensor(job_id, timeout=0, soft_fail=True, deferrable=deferrable), Attempt(task_id="wait"))
        made = sensor(job_id, deferrable=deferrable)
        made.on_kill()
        assert not hook.get(job_id).is_terminal
    finally:
        hook.stop(job_id)
    with pytest.raises(JobStoppedError):
        run(sensor(job_id, deferrable=deferrable), Attempt(task_id="wait"))


def test_a_deferred_sensor_that_is_killed_leaves_the_job(pai: LocalPAI) -> None:

    hook = PAITrainingHook()
    job_id = submitted(command="sleep 60")
    with pytest.raises(TaskDeferred) as deferred:
        executed(sensor(job_id, deferrable=True), Attempt(task_id="wait").context)
    asyncio.run(deferred.value.trigger.on_kill())  # type: ignore[attr-defined]
    assert not hook.get(job_id).is_terminal
    assert hook.get(job_id).labels.keys().isdisjoint({"airflow.log", "airflow.stopping"})
    hook.stop(job_id)


def test_an_outage_is_waited_through(pai: LocalPAI) -> None:
    job_id = submitted(command="echo hello")
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, times=6))
    assert run(sensor(job_id), Attempt(task_id="wait"))["job_id"] == job_id


def test_a_job_that_is_not_there_is_an_error(pai: LocalPAI) -> None:
    with pytest.raises(NotFoundError):
        run(sensor("train0000000nosuch"), Attempt(task_id="wait"))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"job_id": "None"}, "job_id"),
        ({"job_id": ""}, "job_id"),
        ({"job_id": "a/b"}, "job_id"),
        ({"job_id": 7}, "job_id"),
        ({"log_level": "LOUD"}, "log_level"),
        ({"show_logs": 3}, "show_logs"),
        ({"skip_on_exit_code": 0}, "skip_on_exit_code"),
        ({"outage_limit": -1}, "outage_limit"),
        ({"poke_interval": 0}, "poke_interval"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_asked(
    pai: LocalPAI, arguments: dict[str, Any], name: str
) -> None:
    before = sum(pai.faults.counts().values())
    with pytest.raises(AirflowFailException, match=f"^{name} "):
        run(sensor(**{"job_id": "train1", **arguments}), Attempt(task_id="wait"))
    assert sum(pai.faults.counts().values()) == before


def test_the_job_is_a_template() -> None:
    made = sensor("{{ ti.task_id }}-1")
    made.render_template_fields({"ti": Attempt(task_id="train")})  # type: ignore[typeddict-item]
    assert made.job_id == "train-1"
