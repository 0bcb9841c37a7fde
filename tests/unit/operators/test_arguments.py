"""Arguments are said once: what Airflow learns of an operator follows from its signature and the spec's fields."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from airflow_provider_pai.base_operator import CONNECTION_ARGUMENTS, PAIBaseOperator
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.training.spec import FILLED_IN, TrainingJobSpec
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.janitor import PAIJanitorOperator
from airflow_provider_pai.operators.services import PAIDeleteServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.sensors.services import PAIServiceSensor

LEAST: dict[type[PAIBaseOperator], dict[str, Any]] = {
    PAITrainingOperator: {},
    PAIDeployServiceOperator: {"service_name": "churn"},
    PAIDeleteServiceOperator: {"service_name": "churn"},
    PAIModelGateOperator: {},
    PAIJanitorOperator: {},
    PAIServiceSensor: {"service_name": "churn"},
}
OPERATORS = sorted(LEAST, key=lambda operator: operator.__name__)


def own_parameters(operator: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of an operator and its bases, as far as they are ours."""
    found: dict[str, inspect.Parameter] = {}
    for each in operator.__mro__:
        if each.__module__.startswith("airflow_provider_pai."):
            found |= inspect.signature(each.__init__).parameters  # type: ignore[misc]
    return {name: each for name, each in found.items() if each.kind is each.KEYWORD_ONLY}


def test_the_training_operator_takes_the_members_of_a_jobs_spec() -> None:
    members = {each.name for each in fields(TrainingJobSpec)} - set(FILLED_IN)
    assert set(PAITrainingOperator.spec_arguments) == members
    assert members <= set(PAITrainingOperator.template_fields)


def test_the_deploy_operator_takes_the_members_of_a_services_spec() -> None:
    members = {each.name for each in fields(ServiceSpec)}
    assert members <= own_parameters(PAIDeployServiceOperator).keys()
    assert members <= set(PAIDeployServiceOperator.template_fields)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_and_sensor_takes_the_connections_arguments_as_templates(operator: type) -> None:
    assert issubclass(operator, PAIBaseOperator)
    assert set(CONNECTION_ARGUMENTS) <= set(operator.template_fields)  # type: ignore[attr-defined]
    assert set(CONNECTION_ARGUMENTS) <= own_parameters(operator).keys()


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_argument_is_documented(operator: type) -> None:
    # Without the indentation that Python takes away from 3.13 on.
    documented = "\n".join(
        inspect.cleandoc(each.__doc__ or "")
        for each in operator.__mro__
        if each.__module__.startswith("airflow_provider_pai")
    )
    assert [name for name in own_parameters(operator) if f"\n    {name}:" not in documented] == []


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_flag_is_known_as_one(operator: type[PAIBaseOperator]) -> None:
    booleans = {name for name, each in own_parameters(operator).items() if each.annotation == "bool"}
    assert set(operator.flags) == booleans


@pytest.mark.parametrize(("operator", "flag"), [(each, flag) for each in OPERATORS for flag in each.flags])
@pytest.mark.parametrize(("text", "meant"), [("False", False), ("true", True), (" no ", False), ("1", True)])
def test_a_flag_that_is_written_as_a_text_means_what_it_says(
    operator: type[PAIBaseOperator], flag: str, text: str, *, meant: bool
) -> None:
    made = operator(task_id="task", **{**LEAST[operator], flag: text})
    assert next(vars(made)[name] for name in (flag, f"_{flag}") if name in vars(made)) is meant
    assert made._flag_problems() == []


@pytest.mark.parametrize(("operator", "flag"), [(each, flag) for each in OPERATORS for flag in each.flags])
@pytest.mark.parametrize("text", ["None", "", "{{ params.dry }}", 2, None], ids=repr)
def test_a_flag_that_is_neither_true_nor_false_is_a_problem(
    operator: type[PAIBaseOperator], flag: str, text: object
) -> None:
    (problem,) = operator(task_id="task", **{**LEAST[operator], flag: text})._flag_problems()
    assert problem.argument == flag
    assert str(problem).startswith(f"{flag} must be True or False, not ")
