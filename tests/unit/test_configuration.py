"""The section ``[pai]``: what each option says, and what an option that can't be read does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pai import configuration
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from airflow_provider_pai.operators.services import PAIDeleteServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator
from airflow_provider_pai.sensors.registry import PAIModelVersionSensor
from airflow_provider_pai.sensors.services import PAIServiceSensor
from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger

WITH_CONNECTION: dict[str, Callable[..., Any]] = {
    "training": lambda **given: PAITrainingOperator(task_id="a", **given),
    "gate": lambda **given: PAIModelGateOperator(task_id="a", **given),
    "register": lambda **given: PAIRegisterModelOperator(task_id="a", model_name="a", **given),
    "deploy": lambda **given: PAIDeployServiceOperator(task_id="a", service_name="a", **given),
    "delete": lambda **given: PAIDeleteServiceOperator(task_id="a", service_name="a", **given),
    "service sensor": lambda **given: PAIServiceSensor(task_id="a", service_name="a", **given),
    "version sensor": lambda **given: PAIModelVersionSensor(task_id="a", model_name="a", **given),
    "approval trigger": lambda **given: PAIModelApprovedTrigger("a", **given),
    "hook": PAIOSSHook,
}
WITH_INTERVAL = {"training": 10, "register": 10, "deploy": 10, "delete": 5}


def set_option(monkeypatch: pytest.MonkeyPatch, option: str, value: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__PAI__{option.upper()}", value)


@pytest.mark.parametrize("kind", WITH_CONNECTION)
def test_the_connection_of_the_option_takes_the_place_of_none_given(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    make = WITH_CONNECTION[kind]
    assert make().pai_conn_id == "pai_default"
    set_option(monkeypatch, "default_conn_id", "pai_production")
    assert make().pai_conn_id == "pai_production"
    assert make(pai_conn_id="mine").pai_conn_id == "mine"
    set_option(monkeypatch, "default_conn_id", "  ")
    assert make().pai_conn_id == "pai_default"


@pytest.mark.parametrize("kind", WITH_INTERVAL)
def test_the_interval_of_the_option_takes_the_place_of_none_given(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    make = WITH_CONNECTION[kind]
    assert make().poll_interval == WITH_INTERVAL[kind]
    set_option(monkeypatch, "poll_interval", "2.5")
    assert make().poll_interval == 2.5
    assert make(poll_interval="7").poll_interval == 7


@pytest.mark.parametrize("kind", WITH_INTERVAL)
def test_an_interval_that_cannot_be_read_is_no_error_while_a_dag_is_read(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make = WITH_CONNECTION[kind]
    set_option(monkeypatch, "poll_interval", "often")
    operator = make()
    with pytest.raises(SpecError, match=r"\[pai\] poll_interval must be a number of seconds above 0, not 'often'"):
        _ = operator.poll_interval


@pytest.mark.parametrize(
    ("option", "read", "value"),
    [
        *(("poll_interval", lambda: configuration.poll_interval(1.0), value) for value in ("0", "-1", "nan", "1 s")),
        *(("max_run_time", configuration.max_run_time, value) for value in ("a day", "-1", "0", "1.5", "٣", "9" * 40)),
        *(
            ("labels", configuration.labels, value)
            for value in ("team", "=x", "a=b=c", "a=1,a=2", "airflow.key=x", f"a={'x' * 129}", '{"team": "ml"}')
        ),
    ],
)
def test_an_option_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, option: str, read: Callable[[], object], value: str
) -> None:
    set_option(monkeypatch, option, value)
    with pytest.raises(SpecError) as caught:
        read()
    assert [problem.argument for problem in caught.value.problems] == [f"[pai] {option}"]


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("", {}),
        (" team=search , cost_center=4711,", {"team": "search", "cost_center": "4711"}),
        ("empty=", {"empty": ""}),
    ],
)
def test_labels_are_names_and_values(monkeypatch: pytest.MonkeyPatch, value: str, labels: dict[str, str]) -> None:
    set_option(monkeypatch, "labels", value)
    assert configuration.labels() == labels


def test_each_option_can_be_read() -> None:
    assert all(callable(getattr(configuration, name.replace("default_", ""))) for name in configuration.OPTIONS)
