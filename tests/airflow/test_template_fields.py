"""Templates: every argument may be one, and what a task was not given costs its serialized DAG nothing."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.training import PAITrainingOperator

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_BYTES = (240 if version("apache-airflow").startswith("3") else 260) * 1024
"""Airflow 2 writes more members of its own."""


def serialized(dag: DAG) -> dict[str, Any]:
    module = importlib.import_module("airflow.serialization.serialized_objects")
    serializer = getattr(module, "DagSerialization", None) or module.SerializedDAG
    found: dict[str, Any] = serializer.to_dict(dag)
    return found


def training(task_id: str = "train", **arguments: Any) -> PAITrainingOperator:
    return PAITrainingOperator(task_id=task_id, **arguments)


@pytest.mark.parametrize("operator", [PAITrainingOperator, PAIDeployServiceOperator])
def test_every_argument_that_is_given_is_rendered(operator: type[BaseOperator]) -> None:
    names = [name for name in operator.template_fields if name not in ("steps", "on_failure")]
    task = operator(task_id="task", **dict.fromkeys(names, "{{ value }}"))
    assert set(names) <= set(task.template_fields)
    task.render_template_fields({"value": "rendered"})  # type: ignore[typeddict-item]
    assert {name: getattr(task, name) for name in names} == dict.fromkeys(names, "rendered")


def test_a_task_names_the_arguments_it_was_given_and_the_class_all_of_them() -> None:
    task = training(command="true", inputs={"train": "oss://bucket/{{ ds }}/"})
    assert {"command", "inputs"} <= set(task.template_fields)
    assert "outputs" not in task.template_fields
    assert set(task.template_fields_renderers) == {"command", "inputs"}
    assert "outputs" in PAITrainingOperator.template_fields
    assert "outputs" in PAITrainingOperator.template_fields_renderers


def test_an_argument_that_is_given_later_is_rendered_and_makes_its_task_come_after() -> None:
    with DAG("late", start_date=START, schedule=None):
        first, second = training("first"), training("second")
        second.inputs = {"train": first.output["model_uri"]}  # type: ignore[attr-defined]
    assert second.upstream_task_ids == {"first"}
    assert "inputs" in second.template_fields


def test_an_argument_of_a_mapped_task_is_a_template() -> None:
    with DAG("mapped", start_date=START, schedule=None):
        mapped = PAITrainingOperator.partial(task_id="train", command="true").expand(
            hyperparameters=[{"seed": "{{ ds }}"}]
        )
    assert "hyperparameters" in mapped.template_fields


def test_a_dag_of_200_tasks_is_small_when_it_is_serialized() -> None:
    with DAG("many", start_date=START, schedule=None) as dag:
        for number in range(200):
            training(
                f"train_{number}",
                command="python train.py $PAI_USER_ARGS",
                source_dir="/opt/airflow/dags/churn",
                image={"framework_name": "pytorch"},
                instance_type="ecs.c6.large",
                hyperparameters={"seed": number, "lr": 0.1},
                inputs={"train": "oss://bucket/data/"},
                output_path="oss://bucket/models/{{ ds }}/",
            )
    assert len(json.dumps(serialized(dag))) <= MOST_BYTES
