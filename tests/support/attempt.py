"""A task attempt, as much of Airflow's task instance as the operator touches."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_pai.operators.training import PAITrainingOperator


@dataclass
class Attempt:
    """What Airflow hands to ``execute`` as ``ti``; XComs are kept as a JSON backend would."""

    run_id: str = field(default_factory=lambda: f"manual__{uuid4()}")
    task_id: str = "train"
    dag_id: str = "tests"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime = field(default_factory=lambda: datetime.now(UTC))
    xcoms: dict[str, Any] = field(default_factory=dict)
    region_id: str | None = None
    region_index: int | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        """Return nothing: no other task has run."""

    def retried(self) -> Attempt:
        """The next automatic try."""
        return self._next(self.max_tries)

    def cleared(self, retries: int = 0) -> Attempt:
        """The try after a person cleared the task: Airflow sets max_tries to try_number + retries."""
        return self._next(self.try_number + retries)

    def _next(self, max_tries: int) -> Attempt:
        names = (self.run_id, self.task_id, self.dag_id, self.map_index)
        region = {"region_id": self.region_id, "region_index": self.region_index}
        return Attempt(*names, self.try_number + 1, max_tries, **region)  # type: ignore[arg-type]

    @property
    def context(self) -> Any:
        return {"ti": self, "task_instance": self}


def executed(operator: BaseOperator, context: Any) -> Any:
    """Execute an operator in any thread: Airflow 2.11 itself allows it only in the one that has loaded Airflow."""
    return inspect.unwrap(type(operator).execute)(operator, context)


def training(**arguments: Any) -> PAITrainingOperator:
    """An operator with the least it needs."""
    least: dict[str, Any] = {
        "task_id": "train",
        "command": "echo hello",
        "image": {"framework_name": "PyTorch"},
        "instance_type": "ecs.c6.large",
        "poll_interval": 0.2,
    }
    return PAITrainingOperator(**{**least, **arguments})


def trained(source: Path, **arguments: Any) -> PAITrainingOperator:
    """An operator that trains what ``source`` holds."""
    return training(
        source_dir=str(source),
        command="python train.py $PAI_USER_ARGS",
        hyperparameters={"lr": 0.1},
        metric_definitions=[{"name": "accuracy", "regex": "accuracy=([0-9.]+)"}],
        **arguments,
    )
