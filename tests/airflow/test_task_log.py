"""What a task's log shows of its job, whichever process watches: each line once, in order, whatever restarts."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_pai.errors import JobFailedError, JobStoppedError
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.triggers.training import PAITrainingTrigger
from tests.support.attempt import Attempt, training

SLOWLY = "for i in $(seq 1 150); do echo line $i; sleep 0.02; done; sleep 1; echo line 151"
LINES = [f"line {number}" for number in range(1, 152)]
TaskLog = Callable[[], list[str]]
LIMIT = 120.0
"""Seconds after which a test gives up waiting."""


class Triggerer:
    """What Airflow's triggerer does with one trigger: makes it from its row, runs it and cleans up.

    It stops as Airflow's does: its main coroutine returns, and :func:`asyncio.run` cancels all that is left at once.
    """

    def __init__(self, trigger: Any) -> None:
        _, arguments = trigger.serialize()
        self._arguments = json.loads(json.dumps(arguments))

    def event(self) -> dict[str, Any]:
        """Run the trigger to its event."""
        (event,) = asyncio.run(self._run(None))
        return event

    def stopped(self, seconds: float, *, killed: bool = False) -> None:
        """Run the trigger for a while, and stop before it has an event."""
        assert asyncio.run(self._run(seconds, killed=killed)) == []

    def stopped_when(self, condition: Callable[[], bool]) -> None:
        """Run the trigger until a condition holds, and stop before it has an event."""
        assert asyncio.run(self._run(LIMIT, condition)) == []

    async def _run(
        self, seconds: float | None, condition: Callable[[], bool] = lambda: False, *, killed: bool = False
    ) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        running = asyncio.create_task(self._run_trigger(PAITrainingTrigger(**self._arguments), events, killed=killed))
        end = inf if seconds is None else time.monotonic() + seconds
        while not running.done() and not condition() and time.monotonic() < end:
            await asyncio.wait([running], timeout=0.05)
        return events

    async def _run_trigger(self, trigger: Any, events: list[dict[str, Any]], *, killed: bool) -> None:
        try:
            events += [json.loads(json.dumps(event.payload)) async for event in trigger.run()]
        finally:
            if not killed:
                await trigger.cleanup()


def deferred(attempt: Attempt, **arguments: Any) -> Triggerer:
    with pytest.raises(TaskDeferred) as deferral:
        training(deferrable=True, **arguments).execute(attempt.context)
    return Triggerer(deferral.value.trigger)


def of(instance: str, log: Iterable[str]) -> list[str]:
    mark = f"[{instance}] " if instance else ""
    return [text.removeprefix(mark) for text in log if text.startswith(f"{mark}line ")]


def statuses(log: Iterable[str]) -> list[str]:
    return [found[1] for text in log if (found := re.match(r"Job train\w+: (\w+)(?: at [0-9-]+ [0-9:]+ UTC)?", text))]


@pytest.mark.parametrize("deferrable", [False, True])
def test_every_status_of_a_job_is_logged_once_with_its_time(pai: LocalPAI, task_log: TaskLog, deferrable: bool) -> None:
    attempt = Attempt()
    if deferrable:
        event = deferred(attempt, command="sleep 1").event()
        training(deferrable=True).execute_complete(attempt.context, event)
    else:
        training().execute(attempt.context)
    log = task_log()
    assert statuses(log) == ["Creating", "Created", "Initializing", "Submitted", "Running", "Succeed"]
    shown = [text for text in log if re.match(r"Job train\w+: ", text)]
    assert all(re.search(r" at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text) for text in shown)


@pytest.mark.parametrize("deferrable", [False, True])
def test_lines_of_several_instances_name_them_and_appear_once(
    pai: LocalPAI, task_log: TaskLog, deferrable: bool
) -> None:
    arguments = {"command": "for i in $(seq 1 250); do echo line $i of $RANK; done", "instance_count": 2}
    attempt = Attempt()
    if deferrable:
        event = deferred(attempt, **{**arguments, "command": f"sleep 1; {arguments['command']}"}).event()
        training(deferrable=True).execute_complete(attempt.context, event)
    else:
        training(**arguments).execute(attempt.context)
    log = task_log()
    assert of("master-0", log) == [f"line {number} of 0" for number in range(1, 251)]
    assert of("worker-0", log) == [f"line {number} of 1" for number in range(1, 251)]


@pytest.mark.parametrize("instances", [1, 2])
def test_a_restarted_triggerer_continues_the_log_where_it_stopped(
    pai: LocalPAI, task_log: TaskLog, instances: int
) -> None:
    attempt = Attempt()
    triggerer = deferred(attempt, command=SLOWLY, instance_count=instances)
    triggerer.stopped(2.0)
    triggerer.stopped(1.5)
    before = task_log()
    assert before
    event = triggerer.event()
    value = training(deferrable=True).execute_complete(attempt.context, event)
    assert value["status"] == "Succeed"
    log = [*before, *task_log()]
    for instance in ("master-0", "worker-0") if instances > 1 else ("",):
        assert 0 < len(of(instance, before)) < len(LINES)
        assert of(instance, log) == LINES
    assert statuses(log) == ["Creating", "Created", "Initializing", "Submitted", "Running", "Succeed"]


def test_after_a_killed_triggerer_no_line_is_missing(pai: LocalPAI, task_log: TaskLog) -> None:
    attempt = Attempt()
    triggerer = deferred(attempt, command=SLOWLY)
    triggerer.stopped(2.0, killed=True)
    assert of("", task_log())
    training(deferrable=True).execute_complete(attempt.context, triggerer.event())
    assert of("", task_log()) == LINES


def test_the_log_of_a_later_try_shows_the_job_from_its_beginning(pai: LocalPAI, task_log: TaskLog) -> None:
    first, lines = Attempt(max_tries=1), [f"line {number}" for number in range(1, 151)]
    # It ends when it is stopped, so that the later try finds it running however slow this machine is.
    command = "for i in $(seq 1 150); do echo line $i; done; sleep 1000"
    shown: list[str] = []

    def has_shown_all() -> bool:
        shown.extend(task_log())
        return lines[-1] in shown

    deferred(first, command=command, retries=1).stopped_when(has_shown_all)
    shown.clear()
    retry = first.retried()
    later = deferred(retry, command=command, retries=1)
    later.stopped_when(has_shown_all)
    PAITrainingHook().stop(retry.xcoms["job_id"])
    with pytest.raises(JobStoppedError):
        training(deferrable=True).execute_complete(retry.context, later.event())
    shown.extend(task_log())
    assert of("", shown) == lines


def test_the_worker_continues_the_log_where_the_triggerer_gave_up(pai: LocalPAI, task_log: TaskLog) -> None:
    attempt = Attempt()
    triggerer = deferred(attempt, command=SLOWLY)
    triggerer.stopped(2.0)
    pai.faults.add(Fault("GetTrainingJob", FaultKind.ERROR, status=403, code="Forbidden.RAM"))
    event = triggerer.event()
    assert event["error"]
    before = task_log()
    training(deferrable=True, command=SLOWLY).execute_complete(attempt.context, event)
    log = [*before, *task_log()]
    assert of("", log) == LINES
    assert statuses(log) == ["Creating", "Created", "Initializing", "Submitted", "Running", "Succeed"]


def test_an_event_of_an_older_version_shows_the_job_from_its_beginning(pai: LocalPAI, task_log: TaskLog) -> None:
    attempt = Attempt()
    deferred(attempt, command="echo line 1; sleep 1")
    event = {"job_id": attempt.xcoms["job_id"], "status": None, "error": "AuthError: ...", "timeout": False}
    training(deferrable=True).execute_complete(attempt.context, event)
    assert of("", task_log()) == ["line 1"]


def test_keeping_the_place_leaves_the_labels_of_the_job_as_they_are(pai: LocalPAI) -> None:
    attempt = Attempt()
    triggerer = deferred(attempt, command=SLOWLY, labels={"mine": "x"})
    hook = PAITrainingHook()
    before = dict(hook.get(attempt.xcoms["job_id"]).labels)
    triggerer.stopped(2.0)
    after = dict(hook.get(attempt.xcoms["job_id"]).labels)
    assert re.fullmatch(r"1\.\d/:\d+", after.pop("airflow.log"))
    assert after == before
    hook.stop(attempt.xcoms["job_id"])


def test_a_trigger_ends_although_its_log_checkpoint_cannot_be_saved(pai: LocalPAI, task_log: TaskLog) -> None:
    attempt = Attempt()
    triggerer = deferred(attempt, command=SLOWLY)
    pai.faults.add(Fault("UpdateTrainingJobLabels", FaultKind.ERROR, status=500, code="InternalError"))
    triggerer.stopped(2.0)
    task_log()
    training(deferrable=True).execute_complete(attempt.context, triggerer.event())
    assert of("", task_log()) == LINES


def test_a_failed_job_of_several_instances_ends_with_the_lines_of_those_that_failed(pai: LocalPAI) -> None:
    command = "echo line 1 of $RANK; test $RANK = 0 && exec sleep 60; echo line 2 of $RANK; exit 4"
    with pytest.raises(JobFailedError) as failure:
        training(command=command, instance_count=2).execute(Attempt().context)
    assert of("worker-0", failure.value.log_tail)[-2:] == ["line 1 of 1", "line 2 of 1"]


def test_the_series_of_each_metric_is_logged_at_the_end(pai: LocalPAI, task_log: TaskLog) -> None:
    command = "for i in $(seq 1 120); do echo loss=$((1000 - i)); done; echo accuracy=0.75"
    regexes = {"loss": r"loss=(\d+)", "accuracy": r"accuracy=(\S+)"}
    definitions = [{"name": name, "regex": regex} for name, regex in regexes.items()]
    value = training(command=command, metric_definitions=definitions).execute(Attempt().context)
    assert value["metrics"] == {"loss": 880.0, "accuracy": 0.75}
    shown = [text for text in task_log() if text.startswith("Metric ")]
    assert shown[1:] == ["Metric accuracy: 0.75"]
    assert shown[0].startswith("Metric loss: first 999, last 880, min 880, max 999, count 120: 999 993 ")
