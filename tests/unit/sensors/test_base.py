"""All sensors check how they wait, and skip as a sensor's own arguments ask, wherever they wait."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_pai.sensors.base import PAIBaseSensor
from airflow_provider_pai.sensors.registry import PAIModelVersionSensor
from airflow_provider_pai.sensors.services import PAIServiceSensor
from airflow_provider_pai.sensors.training import PAITrainingSensor
from tests.support.attempt import Attempt

SENSORS: list[tuple[type[PAIBaseSensor], dict[str, Any]]] = [
    (PAITrainingSensor, {"job_id": "train1"}),
    (PAIServiceSensor, {"service_name": "iris"}),
    (PAIModelVersionSensor, {"model_name": "churn"}),
]


def test_every_sensor_is_among_those_that_are_tested() -> None:
    assert {made for made, _ in SENSORS} == set(PAIBaseSensor.__subclasses__())


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("wrong", [{"outage_limit": "soon"}, {"outage_limit": -1}, {"poke_interval": 0}])
@pytest.mark.parametrize(("made", "arguments"), SENSORS)
def test_a_wait_that_can_not_work_is_refused_by_name(
    made: type[PAIBaseSensor], arguments: dict[str, Any], wrong: dict[str, Any], deferrable: bool
) -> None:
    [name] = wrong
    waiting = made(task_id="wait", deferrable=deferrable, **arguments, **wrong)
    with pytest.raises(AirflowFailException, match=f"{name} must be a number of seconds"):
        waiting.execute(Attempt().context)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("leniency", ["soft_fail", "never_fail"])
@pytest.mark.parametrize(("made", "arguments"), SENSORS)
def test_a_lenient_sensor_that_can_not_wait_is_skipped(
    made: type[PAIBaseSensor], arguments: dict[str, Any], leniency: str, deferrable: bool
) -> None:
    waiting = made(task_id="wait", deferrable=deferrable, outage_limit=-1, **arguments, **{leniency: True})
    with pytest.raises(AirflowSkipException, match="outage_limit"):
        waiting.execute(Attempt().context)


@pytest.mark.parametrize("leniency", ["soft_fail", "never_fail"])
@pytest.mark.parametrize(
    ("made", "arguments", "event"),
    [
        (PAIServiceSensor, {"service_name": "iris"}, {"verdict": "pending", "snapshot": None, "error": None}),
        (PAIModelVersionSensor, {"model_name": "churn"}, {"timeout": True, "error": None}),
    ],
)
def test_a_lenient_sensor_with_no_time_left_in_the_triggerer_is_skipped(
    made: type[PAIBaseSensor], arguments: dict[str, Any], event: dict[str, Any], leniency: str
) -> None:
    waiting = made(task_id="wait", **arguments, **{leniency: True})
    with pytest.raises(AirflowSkipException, match="in time"):
        waiting.execute_complete(Attempt().context, event)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("made", "arguments", "event"),
    [
        (PAIServiceSensor, {"service_name": "iris"}, {"verdict": None, "snapshot": None, "error": "TypeError: x"}),
        (PAIModelVersionSensor, {"model_name": "churn"}, {"timeout": False, "error": "TypeError: x"}),
    ],
)
def test_a_sensor_that_never_fails_is_skipped_when_the_triggerer_can_not_watch(
    made: type[PAIBaseSensor], arguments: dict[str, Any], event: dict[str, Any]
) -> None:
    waiting = made(task_id="wait", never_fail=True, **arguments)
    with pytest.raises(AirflowSkipException, match="TypeError: x"):
        waiting.execute_complete(Attempt().context, event)  # type: ignore[attr-defined]
