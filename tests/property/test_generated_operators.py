"""All operators, sensors and hooks with arguments as people really pass them: refused by name, or taken; never broken.

PAI refuses everything here, so that a set that is taken ends with its refusal. No error is anything but ours, none and
no line of a log shows a secret, and nothing is written. ``PAI_GENERATED_SETS`` sets how many are tried: 120 unless it
says otherwise; ``PAI_GENERATED_SEED`` which ones.
"""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    BaseOperator,
    BaseSensorOperator,
    TaskDeferred,
)
from jinja2 import UndefinedError

from airflow_provider_pai.base_operator import PAIBaseOperator
from airflow_provider_pai.decorators.training import _TAKEN, PAITrainingDecoratedOperator
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.hooks.images import PAIImageHook
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.hooks.services import PAIServiceHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.janitor import PAIJanitorOperator
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.operators.services import PAIDeleteServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.sensors.registry import PAIModelVersionSensor
from airflow_provider_pai.sensors.services import PAIServiceSensor
from airflow_provider_pai.sensors.training import PAITrainingSensor
from tests.property.generated_values import CANARY, ODD, SECRETS, value_of
from tests.support.attempt import Attempt, executed
from tests.support.stub import StubServer

SEED = int(os.environ.get("PAI_GENERATED_SEED", "0"))
SETS = int(os.environ.get("PAI_GENERATED_SETS", "120")) // 4


def trained(rate: float) -> dict[str, float]:
    """Train, as a decorated task does."""
    return {"rate": rate}


JOB: Mapping[str, Any] = {"command": "true", "instance_type": "ecs.c6.large", "image_uri": "r/i:1"}
ONE_LOOK = {"timeout": 0.001}
LEAST: Mapping[type[BaseOperator], Mapping[str, Any]] = {
    PAITrainingOperator: JOB,
    PAITrainingDecoratedOperator: {"instance_type": "ecs.c6.large", "image_uri": "r/i:1", "op_args": [0.1]},
    PAIDeployServiceOperator: {"service_name": "churn", "model_uri": "oss://b/m/", **JOB},
    PAIDeleteServiceOperator: {"service_name": "churn"},
    PAIModelGateOperator: {"metrics": {"auc": 0.9}, "bars": {"auc": 0.8}},
    PAIRegisterModelOperator: {"model_name": "churn", "model_uri": "oss://b/m/"},
    PAIJanitorOperator: {},
    PAIModelVersionSensor: {"model_name": "churn", **ONE_LOOK},
    PAIServiceSensor: {"service_name": "churn", **ONE_LOOK},
    PAITrainingSensor: {"job_id": "train1", **ONE_LOOK},
}
UNMIXED = {"kwargs", "python_callable", "op_args", "op_kwargs", "include"}
"""Not an argument, or what can't travel is refused when the DAG is read."""
BESIDE = {
    *("image_uri", "image", "command", "instance_type", "service_name", "model_uri", "metrics", "bars", "smoke_test"),
    *("champion_service", "champion_model", "compare", "processor", "model", "model_name", "job_id"),
}
"""What may be named though another was changed: the one is missing without the other, or contradicts it."""


def names_of(operator: type[BaseOperator]) -> list[str]:
    """Return the arguments that are this provider's own."""
    ours = [each for each in operator.__mro__ if issubclass(each, PAIBaseOperator)]
    names = {name for each in ours for name in inspect.signature(each.__init__).parameters}
    theirs = {"self", *UNMIXED}
    if issubclass(operator, BaseSensorOperator):
        theirs |= {*inspect.signature(BaseSensorOperator.__init__).parameters}
    theirs |= set(_TAKEN) if operator is PAITrainingDecoratedOperator else set()
    return sorted(names - theirs - set(inspect.signature(BaseOperator.__init__).parameters))


def generated(count: int, seed: int) -> Iterator[tuple[type[BaseOperator], dict[str, Any]]]:
    """Yield an operator and what it is given beside the least; in half of the sets each value holds a secret."""
    rng = random.Random(seed)
    for _ in range(count):
        operator = rng.choice([*LEAST])
        names = names_of(operator)
        chosen = rng.sample(names, min(len(names), rng.randint(1, 4)))
        armed = rng.random() < 0.5
        yield operator, {name: value_of(rng, armed=armed) for name in chosen}


def run(operator: type[BaseOperator], given: Mapping[str, Any]) -> BaseException | None:
    """Make and execute a task; return how it ended."""
    more = {"python_callable": trained} if operator is PAITrainingDecoratedOperator else {}
    task = operator(task_id="task", **{**LEAST[operator], **given, **more})
    try:
        executed(task, Attempt().context)
    except AirflowSensorTimeout:
        # PAI refuses everything: there is nothing that a sensor could wait for.
        raise
    except (AirflowException, TaskDeferred, PAIError) as error:
        return error
    return None


def refusal(error: BaseException | None) -> SpecError | None:
    """Return the error about arguments that a task has ended with; None for another end."""
    cause = error if isinstance(error, SpecError) else getattr(error, "__cause__", None)
    return cause if isinstance(cause, SpecError) else None


@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_every_operator_and_sensor_takes_or_refuses_what_it_is_given(
    stub: StubServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    refused = 0
    for operator, given in generated(SETS, seed):
        caplog.clear()
        error = run(operator, given)
        said = f"{error} {caplog.text} {capsys.readouterr().out}"
        assert CANARY not in said, (operator.__name__, list(given), said[-2000:])
        if spec := refusal(error):
            refused += 1
            for problem in spec.problems:
                assert problem.argument in {*names_of(operator), *BESIDE}, (operator.__name__, str(problem))
                assert len(str(problem)) < 1500, (operator.__name__, problem.argument)
    assert refused > SETS // 4
    assert {asked.method for asked in stub.asked} <= {"GET", "HEAD"}


@pytest.mark.parametrize("operator", LEAST, ids=lambda operator: operator.__name__)
def test_each_argument_takes_or_refuses_each_odd_value(stub: StubServer, operator: type[BaseOperator]) -> None:
    for name in names_of(operator):
        for value in ODD:
            if operator is PAIRegisterModelOperator and value is None:
                # Then it asks Airflow for what the tasks before it have made.
                continue
            spec = refusal(run(operator, {name: value}))
            named = {problem.argument for problem in spec.problems} if spec else set()
            assert named <= {*names_of(operator), *BESIDE}, (name, str(spec))
    assert {asked.method for asked in stub.asked} <= {"GET", "HEAD"}


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize("operator", LEAST)
def test_every_argument_may_be_a_number_too_long_to_be_written_down(operator: type[BaseOperator]) -> None:
    also = {"reports": True} if operator is PAITrainingOperator else {}
    for name in names_of(operator):
        error = run(operator, {**also, name: 10**5000})
        if spec := refusal(error):
            assert {problem.argument for problem in spec.problems} <= {*names_of(operator), *BESIDE}, name


CALLS: Mapping[str, Callable[[Any], Any]] = {
    "job": lambda value: PAITrainingHook().get(value),
    "stop": lambda value: PAITrainingHook().stop(value),
    "jobs": lambda value: PAITrainingHook().jobs({"label": value}),
    "service": lambda value: PAIServiceHook().describe(value),
    "services": lambda value: PAIServiceHook().services(group=value),
    "delete": lambda value: PAIServiceHook().delete(value),
    "newest": lambda value: PAIModelRegistryHook().newest(value),
    "images": lambda value: PAIImageHook().list_images(value),
    "read": lambda value: PAIOSSHook().read(value),
    "list": lambda value: [*PAIOSSHook().list(value)],
    "exists": lambda value: PAIOSSHook().exists(value),
    "connection": lambda value: PAITrainingHook(value).config,
    "region": lambda value: PAITrainingHook(region_id=value).config,
    "workspace": lambda value: PAITrainingHook(workspace_id=value).config,
}
"""What a hook is asked with one value from a person."""


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize("name", CALLS)
def test_every_hook_takes_or_refuses_what_it_is_given(name: str, caplog: pytest.LogCaptureFixture) -> None:
    for value in (*ODD, *SECRETS):
        said = called(CALLS[name], value)
        assert CANARY not in f"{said} {caplog.text}", (name, said[:500])


def called(call: Callable[[Any], Any], value: Any) -> str:
    """Call, and return the text of the error, which must be one of ours or Airflow's word on a missing connection."""
    try:
        call(value)
    except (PAIError, AirflowException) as error:
        return str(error)
    except UndefinedError as error:
        # Jinja's own word on a variable that there is not; only a template has such a value.
        return str(error)
    except ValueError as error:
        if isinstance(error, UnicodeError):
            raise
        return str(error)
    return ""
