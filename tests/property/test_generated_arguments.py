"""Arguments as people really pass them, in thousands of mixtures: each is read or refused by its name.

No error is anything but ours, none shows a secret, and nothing is submitted. The environment variable
``PAI_GENERATED_SETS`` sets how many are tried: 500 unless it says otherwise; 5,000 take some minutes.
``PAI_GENERATED_SEED`` sets which ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.connection import _FORMS, ConnectionFields, read_config
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.gate.arguments import read_bars, read_comparisons
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.serving.strategy import ROLLOUT_ARGUMENTS, read_rollout_options
from airflow_provider_pai.model.serving.validation import read_service
from airflow_provider_pai.model.training.arguments import read_spec
from airflow_provider_pai.model.training.spec import FILLED_IN, TrainingJobSpec
from airflow_provider_pai.operators.training import PAITrainingOperator
from tests.property.generated_values import CANARY, Unspeakable, value_of
from tests.support.attempt import Attempt

SEED = int(os.environ.get("PAI_GENERATED_SEED", "0"))
SETS = int(os.environ.get("PAI_GENERATED_SETS", "500"))
Read = Callable[[Mapping[str, Any]], Sequence[Problem]]


def _rollout(arguments: Mapping[str, Any]) -> Sequence[Problem]:
    given = {"strategy": "canary", "on_failure": "rollback", "step_pause": 0.0, "startup_timeout": 60.0, **arguments}
    return read_rollout_options({**dict.fromkeys(ROLLOUT_ARGUMENTS), **given})[1]


def _gate(arguments: Mapping[str, Any]) -> Sequence[Problem]:
    return [*read_bars(arguments.get("bars"))[1], *read_comparisons(arguments.get("compare"))[1]]


def _waiting(arguments: Mapping[str, Any]) -> Sequence[Problem]:
    return PAITrainingOperator(task_id="train", **arguments)._watch_problems()


def _connection(arguments: Mapping[str, Any]) -> Sequence[Problem]:
    least = {"access_key_id": "KEY", "access_key_secret": "S", "region_id": "cn-hangzhou", "workspace_id": "1"}
    try:
        read_config(ConnectionFields("mine", None, None, {**least, **arguments}))
    except SpecError as error:
        return error.problems
    return ()


def _stored(arguments: Mapping[str, Any]) -> Sequence[Problem]:
    given = {"login": None, "password": None, "extra": None, "conn_type": "pai", **arguments}
    try:
        ConnectionFields.of("mine", SimpleNamespace(**given))
    except SpecError as error:
        return error.problems
    return ()


READERS: Mapping[str, tuple[Read, Sequence[str]]] = {
    "training": (
        lambda given: read_spec(given)[1],
        [each.name for each in fields(TrainingJobSpec) if each.name not in FILLED_IN],
    ),
    "service": (lambda given: read_service(given)[1], [each.name for each in fields(ServiceSpec)]),
    "rollout": (_rollout, ROLLOUT_ARGUMENTS),
    "gate": (_gate, ("bars", "compare")),
    "waiting": (_waiting, ("poll_interval", "outage_limit", "on_kill")),
    "connection": (_connection, tuple(_FORMS)),
    "stored connection": (_stored, ("extra", "conn_type")),
}
LEAST: Mapping[str, Mapping[str, Any]] = {
    "training": {"command": "python train.py", "instance_type": "ecs.c6.large", "image_uri": "registry/image:1"},
    "service": {"service_name": "churn", "command": "serve", "instance_type": "ecs.c6.large", "image_uri": "r/i:1"},
}
ALSO_NAMED = {"pai_conn_id", "extra", "smoke_test", "image_uri", "image", "command", "instance_type", "service_name"}
"""What may be named though another was changed: the one is missing without the other, or contradicts it."""


def generated(count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield argument sets: what is least needed, and one to four arguments with values that people pass.

    In half of the sets each value that has room for it holds a secret.
    """
    rng = random.Random(seed)
    for _ in range(count):
        reader = rng.choice([*READERS, "training", "training", "service", "connection"])
        names = READERS[reader][1]
        chosen = rng.sample(names, min(len(names), rng.randint(1, 4)))
        armed = rng.random() < 0.5
        yield reader, {name: value_of(rng, armed=armed) for name in chosen}


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_every_argument_set_is_read_or_refused_by_name_without_a_secret(seed: int) -> None:
    refused = 0
    for reader, given in generated(SETS // 5, seed):
        read, names = READERS[reader]
        problems = read({**LEAST.get(reader, {}), **given})
        refused += bool(problems)
        for problem in problems:
            said = str(problem)
            assert problem.argument in {*names, *ALSO_NAMED}, (reader, said)
            assert said.count(problem.argument) >= 1
            assert CANARY not in said, (reader, problem.argument)
            assert len(said) < 1500, (reader, problem.argument, len(said))
            assert len(said.splitlines()) == 1, (reader, said)
        if problems:
            assert CANARY not in str(SpecError(problems))
    assert refused > SETS // 10


@pytest.mark.parametrize("reader", READERS)
def test_two_arguments_that_can_not_be_compared_are_refused_by_name(reader: str) -> None:
    read, names = READERS[reader]
    for one, other in permutations(names, 2):
        for value in (np.array([1, 2]), Unspeakable()):
            named = {
                problem.argument for problem in read({**LEAST.get(reader, {}), one: np.array([1, 2]), other: value})
            }
            assert named <= {*names, *ALSO_NAMED}, (one, other)


def test_the_operator_refuses_what_the_reader_refuses_and_submits_nothing(pai: LocalPAI) -> None:
    hook = PAITrainingHook()
    before = {job.job_id for job in hook.jobs()}
    for _, given in [each for each in generated(SETS, 99) if each[0] == "training"][: max(10, SETS // 50)]:
        if not read_spec({**LEAST["training"], **given})[1]:
            continue
        operator = PAITrainingOperator(task_id="train", **{**LEAST["training"], **given})
        with pytest.raises(AirflowFailException) as failed:
            operator.execute(Attempt(start_date=datetime.now(UTC)).context)
        assert isinstance(failed.value.__cause__, SpecError)
        assert CANARY not in str(failed.value)
        operator.hook.close()
    assert {job.job_id for job in hook.jobs()} == before
    hook.close()
