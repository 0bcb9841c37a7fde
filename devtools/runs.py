"""DAG runs and task instances as Airflow's REST API shows them: values, no requests.

Fields as in Airflow 3.3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_ENDED = frozenset({"success", "failed"})
"""States of a DAG run that has ended."""

TASK_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task instance that only a person changes."""


@dataclass(frozen=True)
class TaskRef:
    """Which task instance; ``map_index`` is -1 when the task isn't mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def path(self) -> str:
        """Its path below ``/api/v2``, without the map index."""
        return f"{run_path(self.dag_id, self.run_id)}/taskInstances/{segment(self.task_id)}"

    @property
    def indexed_path(self) -> str:
        """Its path with the map index, where it has one."""
        return self.path if self.map_index < 0 else f"{self.path}/{self.map_index}"


@dataclass(frozen=True)
class DagRun:
    """A DAG run when it was asked for; times as Airflow writes them (ISO 8601), None before they are known."""

    dag_id: str
    run_id: str
    state: str
    start_date: str | None
    end_date: str | None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Read the API's form."""
        return cls(body["dag_id"], body["dag_run_id"], body["state"], body["start_date"], body["end_date"])

    @property
    def path(self) -> str:
        """Its path below ``/api/v2``."""
        return run_path(self.dag_id, self.run_id)

    def task(self, task_id: str, map_index: int = -1) -> TaskRef:
        """Name a task instance of this run."""
        return TaskRef(self.dag_id, self.run_id, task_id, map_index)


@dataclass(frozen=True)
class TaskInstance:
    """A task instance when it was asked for.

    Attributes:
        ref: which one.
        state: None before it is scheduled.
        try_number: the try; 0 before the first.
        max_tries: the last try it may have.
        start_date: when the try began.
        end_date: when it ended.
        pid: process of the running try, or of the last one.
        triggerer_id: id of the triggerer's job that runs its trigger; None while none does.
    """

    ref: TaskRef
    state: str | None
    try_number: int
    max_tries: int
    start_date: str | None
    end_date: str | None
    pid: int | None = None
    triggerer_id: int | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Read the API's form."""
        ref = TaskRef(body["dag_id"], body["dag_run_id"], body["task_id"], body["map_index"])
        return cls(
            ref,
            body["state"],
            body["try_number"],
            body["max_tries"],
            body["start_date"],
            body["end_date"],
            body["pid"],
            (body["trigger"] or {}).get("triggerer_id"),
        )


def dag_path(dag_id: str) -> str:
    """Return a DAG's path below ``/api/v2``."""
    return f"/dags/{segment(dag_id)}"


def run_path(dag_id: str, run_id: str) -> str:
    """Return a DAG run's path below ``/api/v2``."""
    return f"{dag_path(dag_id)}/dagRuns/{segment(run_id)}"


def segment(value: str) -> str:
    """Percent-encode one segment of a path: a run id holds colons and a plus sign."""
    return quote(value, safe="")
