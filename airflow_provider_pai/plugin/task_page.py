"""The task instance behind a page, its job and those of the runs before, as Airflow's database has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow.models.taskinstance import TaskInstance
from sqlalchemy.orm import Session

from airflow_provider_pai.base_operator import CONNECTION_ARGUMENTS
from airflow_provider_pai.model.monitor.relation import TaskPlace
from airflow_provider_pai.model.names import CONNECTION_KEY, LINK_KEY
from airflow_provider_pai.plugin.task_rows import (
    earlier_links,
    iteration_of,
    place_of,
    rendered_fields,
    rows_of,
    xcom_of,
)

EARLIER_RUNS = 5
_ID = re.compile(r"[\w-]{1,128}")
_ON_WORKER = ("local", "local_gpu")


@dataclass(frozen=True)
class JobAddress:
    """Where a job is found.

    Attributes:
        place: the task instance that has it.
        job_id: its id.
        connection: arguments of the hook that finds it.
    """

    place: TaskPlace
    job_id: str
    connection: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Iteration:
    """One iteration of the loop (Airflow 3.4) that a page's task is in.

    Attributes:
        number: the iteration, from 0 as Airflow's pages count; None where Airflow has forgotten the loop.
        place: its task instance.
        state: Airflow's state of that; None for none yet.
    """

    number: int | None
    place: TaskPlace
    state: str | None


@dataclass(frozen=True)
class TaskOnPage:
    """A task instance, as far as a page about its job needs it.

    Attributes:
        place: which one.
        state: Airflow's state; None for none yet.
        try_number: the try.
        max_tries: the number of the last try but one that may follow, as Airflow counts.
        job: its job; None while there is none that is known.
        earlier: jobs of the task's runs before, the newest first.
        trains: whether it is a task that has a training job, or will have one.
        on_worker: whether its job runs on the worker itself, where only the task's log tells of it.
        iterations: all that the loop has had so far; empty outside of loops.
        is_function: whether it runs a function, which may submit a job with a hook.
    """

    place: TaskPlace
    state: str | None
    try_number: int
    max_tries: int
    job: JobAddress | None
    earlier: tuple[JobAddress, ...]
    trains: bool = True
    on_worker: bool = False
    iterations: tuple[Iteration, ...] = ()
    is_function: bool = False

    @property
    def retries_left(self) -> int:
        """How many tries may follow."""
        return max(0, self.max_tries + 1 - self.try_number)


def read_task(place: TaskPlace, session: Session) -> TaskOnPage | None:
    """Return a task instance; None when there is none.

    Args:
        place: which one; without a region, the newest iteration of a loop.
        session: of Airflow's database.
    """
    rows = rows_of(place, session)
    row = _chosen(place, rows)
    if row is None:
        return None
    fields = rendered_fields(row, session)
    mine = place_of(row, place.map_index)
    return TaskOnPage(
        place=mine,
        state=_state(row),
        try_number=row.try_number or 0,
        max_tries=row.max_tries or 0,
        job=_address(row, mine, xcom_of(row, LINK_KEY, session), session),
        earlier=_earlier(row, place.map_index, session),
        # A subclass may have any name, and shows what it is once it has run.
        trains="Training" in (row.operator or "") or {"pai_conn_id", "instance_type"} <= fields.keys(),
        on_worker=fields.get("instance_type") in _ON_WORKER,
        iterations=_iterations(rows, place.map_index, session),
        is_function="Python" in (row.operator or ""),
    )


def job_id_of(link: object) -> str:
    """Return the id of the training job that a link leads to; empty when it leads elsewhere."""
    if not isinstance(link, str):
        return ""
    url = urlsplit(link)
    for path, folder in ((url.fragment, "/training/jobs/"), (url.path, "/pages/jobs/")):
        if path.startswith(folder) and _ID.fullmatch(job_id := path.removeprefix(folder)):
            return job_id
    return ""


def _chosen(place: TaskPlace, rows: Sequence[TaskInstance]) -> TaskInstance | None:
    """Return the task instance of a place; the newest iteration where the place names none."""
    if not place.region_id:
        return rows[-1] if rows else None
    wanted = (place.region_id, place.region_index)
    return next((row for row in rows if (str(row.region_id), row.region_index) == wanted), None)


def _iterations(rows: Sequence[TaskInstance], map_index: int, session: Session) -> tuple[Iteration, ...]:
    numbers = [iteration_of(row, map_index, session) for row in rows]
    if all(number is None for number in numbers):
        return ()
    return tuple(
        Iteration(number, place_of(row, map_index), _state(row)) for number, row in zip(numbers, rows, strict=True)
    )


def _state(row: TaskInstance) -> str | None:
    return None if row.state is None else str(row.state)


def _plain(value: object) -> object:
    """Return an XCom's value: JSON in JSON from a task, as it is from Airflow itself."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _address(row: TaskInstance, place: TaskPlace, link: object, session: Session) -> JobAddress | None:
    job_id = job_id_of(_plain(link))
    return JobAddress(place, job_id, _connection(row, session)) if job_id else None


def _connection(row: TaskInstance, session: Session) -> tuple[tuple[str, str | None], ...]:
    """Return the arguments of the task's hook: as its function has kept them, else as they were rendered."""
    kept = _plain(xcom_of(row, CONNECTION_KEY, session))
    given = kept if isinstance(kept, Mapping) else rendered_fields(row, session)
    values = {name: given.get(name) for name in CONNECTION_ARGUMENTS}
    return tuple((name, str(value)) for name, value in values.items() if value not in (None, "", "None"))


def _earlier(row: TaskInstance, map_index: int, session: Session) -> tuple[JobAddress, ...]:
    """Return the jobs of the last runs, and of the loop's iterations, before this one in which the task had one."""
    links = earlier_links(row, map_index, EARLIER_RUNS, session)
    found = (_address(each, place_of(each, map_index), link, session) for each, link in links)
    return tuple(filter(None, found))
