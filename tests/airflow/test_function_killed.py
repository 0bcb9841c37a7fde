"""A mapped function whose task is killed at each of its requests, and edited before its retry: one job per instance."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_pai.decorators.training import PAITrainingDecoratedOperator, pai_training_task
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.ownership import KEY_LABEL
from airflow_provider_pai.model.training.status import JobSnapshot
from tests.support.attempt import Attempt, executed
from tests.support.interrupted import Died, interrupted
from tests.support.triggerer import run_trigger

AT_ONCE = 4
MOST_REQUESTS = 20
"""More than a task makes until it waits; on a slow machine the last of these are further looks at the job."""
EDIT = 1000


def double(value: float, *, add: float = 0) -> float:
    return value * 2 + add


def mapped(values: list[int], *, deferrable: bool) -> Any:
    """The task of a DAG file that maps the function over values."""
    arguments = {"image": {"framework_name": "PyTorch"}, "instance_type": "ecs.c6.large", "poll_interval": 0.2}
    with DAG("killed", schedule=None) as dag:
        decorated: Any = pai_training_task(double, deferrable=deferrable, **arguments)
        decorated.partial(add=0.5).expand(value=values)
    return dag.get_task("double")


class Killing:
    """Ends the process at one of its requests: when its answer has come, and before anything is done with it."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.actions: list[str] = []

    def __call__(self, action: str) -> None:
        self.actions.append(action)
        self._left -= 1
        if self._left == -1:
            raise Died


@dataclass(frozen=True)
class Ended:
    """What a task was killed at, and what became of it."""

    at: str
    was_created: bool
    value: float
    jobs: list[JobSnapshot]


def run(task: Any, attempt: Attempt, value: int, killing: Killing) -> float:
    """Run an instance of a mapped task, each phase with an operator of its own, as Airflow does."""

    def operator() -> PAITrainingDecoratedOperator:
        made: PAITrainingDecoratedOperator = task.unmap({"op_kwargs": {"value": value}})
        hook = PAITrainingHook(sleep=lambda seconds: time.sleep(min(seconds, 0.05)))
        made.hook = interrupted(hook, after=killing)
        return made

    try:
        return float(executed(operator(), attempt.context))
    except TaskDeferred as deferred:
        event = run_trigger(deferred)
        return float(operator().execute_complete(attempt.context, event, **deferred.kwargs or {}))  # type: ignore[arg-type]


def jobs_of(attempt: Attempt) -> list[JobSnapshot]:
    labels = {"airflow.dag_id": attempt.dag_id, "airflow.run_id": attempt.run_id}
    return [job for job in PAITrainingHook().jobs(labels) if job.labels["airflow.map_index"] == str(attempt.map_index)]


def killed(task: Any, edited: Any, attempt: Attempt) -> Ended | None:
    """Kill an instance at the request of its number, edit its argument, and retry; None when it ended before that."""
    index, killing = attempt.map_index, Killing(attempt.map_index)
    try:
        run(task, attempt, index, killing)
    except Died:
        was_created = bool(jobs_of(attempt))
        value = run(edited, attempt.retried(), index + EDIT, Killing(-1))
        return Ended(killing.actions[-1], was_created, value, jobs_of(attempt))
    return None


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_mapped_function_killed_at_each_request_has_one_job_and_the_value_of_its_arguments(
    pai: LocalPAI, deferrable: bool
) -> None:
    task = mapped(list(range(MOST_REQUESTS)), deferrable=deferrable)
    edited = mapped([index + EDIT for index in range(MOST_REQUESTS)], deferrable=deferrable)
    run_id = f"manual__{uuid4()}"
    attempts = [Attempt(run_id, "double", "killed", map_index=index, max_tries=1) for index in range(MOST_REQUESTS)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(threads.map(lambda attempt: killed(task, edited, attempt), attempts))
    ended = {index: each for index, each in enumerate(found) if each}
    for index, each in ended.items():
        value = index if each.was_created else index + EDIT
        assert each.value == double(value, add=0.5), (index, each)
        assert len(each.jobs) == 1, (index, each)
    met = Counter(each.at for each in ended.values())
    assert {"ListTrainingJobs", "CreateTrainingJob", "GetTrainingJob"} <= set(met), met
    assert {each.was_created for each in ended.values()} == {False, True}
    keys = [job.labels[KEY_LABEL] for each in ended.values() for job in each.jobs]
    assert len(set(keys)) == len(ended)
    # A list of jobs does not say where their code is.
    codes = {PAITrainingHook().get(job.job_id).code_uri for each in ended.values() for job in each.jobs}
    assert len(codes) == len(ended), "the same function with other arguments is another package"
