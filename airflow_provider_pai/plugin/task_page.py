"""The task instance behind a page, its job and those of the runs before, as Airflow's database has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from airflow_provider_pai.base_operator import CONNECTION_ARGUMENTS
from airflow_provider_pai.links import LINK_KEY

EARLIER_RUNS = 5
_ID = re.compile(r"[\w-]{1,128}")
_ON_WORKER = ("local", "local_gpu")


@dataclass(frozen=True)
class TaskPlace:
    """Which task instance a page is about.

    Attributes:
        dag_id: its DAG.
        run_id: its run.
        task_id: the task.
        map_index: index of a mapped task; -1 for an unmapped one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


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
class TaskOnPage:
    """A task instance, as far as a page about its job needs it.

    Attributes:
        state: Airflow's state; None for none yet.
        try_number: the try.
        retries_left: how many tries may follow.
        job: its job; None while there is none that is known.
        earlier: jobs of the task's runs before, the newest first.
        trains: whether it is a task that has a training job, or will have one.
        on_worker: whether its job runs on the worker itself, where only the task's log tells of it.
    """

    state: str | None
    try_number: int
    retries_left: int
    job: JobAddress | None
    earlier: tuple[JobAddress, ...]
    trains: bool = True
    on_worker: bool = False


def read_task(place: TaskPlace, session: Session) -> TaskOnPage | None:
    """Return a task instance; None when there is none.

    Args:
        place: which one.
        session: of Airflow's database.
    """
    mine = (
        TaskInstance.dag_id == place.dag_id,
        TaskInstance.run_id == place.run_id,
        TaskInstance.task_id == place.task_id,
        TaskInstance.map_index == place.map_index,
    )
    columns = (TaskInstance.state, TaskInstance.try_number, TaskInstance.max_tries, TaskInstance.operator)
    row = session.execute(select(*columns).where(*mine)).first()
    if row is None:
        return None
    fields = _rendered_fields(place, session)
    return TaskOnPage(
        state=None if row.state is None else str(row.state),
        try_number=row.try_number or 0,
        retries_left=max(0, (row.max_tries or 0) + 1 - (row.try_number or 0)),
        job=_address(place, _link(place, session), fields),
        earlier=_earlier(place, session),
        # A subclass may have any name, and shows what it is once it has run.
        trains="Training" in (row.operator or "") or {"pai_conn_id", "instance_type"} <= fields.keys(),
        on_worker=fields.get("instance_type") in _ON_WORKER,
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


def _link(place: TaskPlace, session: Session) -> object:
    value = session.scalar(
        select(XComModel.value).where(
            XComModel.dag_id == place.dag_id,
            XComModel.run_id == place.run_id,
            XComModel.task_id == place.task_id,
            XComModel.map_index == place.map_index,
            XComModel.key == LINK_KEY,
        )
    )
    return _plain(value)


def _plain(value: object) -> object:
    """Return an XCom's value: JSON in JSON from a task, as it is from Airflow itself."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _rendered_fields(place: TaskPlace, session: Session) -> Mapping[str, Any]:
    """Return the arguments of a task as they were when it ran; Airflow keeps those of the last runs."""
    fields = session.scalar(
        select(RenderedTaskInstanceFields.rendered_fields).where(
            RenderedTaskInstanceFields.dag_id == place.dag_id,
            RenderedTaskInstanceFields.run_id == place.run_id,
            RenderedTaskInstanceFields.task_id == place.task_id,
            RenderedTaskInstanceFields.map_index == place.map_index,
        )
    )
    return fields or {}


def _address(place: TaskPlace, link: object, fields: Mapping[str, Any]) -> JobAddress | None:
    job_id = job_id_of(link)
    return JobAddress(place, job_id, _connection(fields)) if job_id else None


def _connection(fields: Mapping[str, Any]) -> tuple[tuple[str, str | None], ...]:
    """Return the arguments of the task's hook, as they were rendered when it ran."""
    given = {name: fields.get(name) for name in CONNECTION_ARGUMENTS}
    return tuple((name, str(value)) for name, value in given.items() if value not in (None, "", "None"))


def _earlier(place: TaskPlace, session: Session) -> tuple[JobAddress, ...]:
    """Return the jobs of the last runs before this one in which the task had one."""
    this = session.scalar(select(DagRun.run_after).where(DagRun.dag_id == place.dag_id, DagRun.run_id == place.run_id))
    if this is None:
        return ()
    rows = session.execute(
        select(XComModel.run_id, XComModel.value)
        .join(DagRun, (DagRun.dag_id == XComModel.dag_id) & (DagRun.run_id == XComModel.run_id))
        .where(
            XComModel.dag_id == place.dag_id,
            XComModel.task_id == place.task_id,
            XComModel.map_index == place.map_index,
            XComModel.key == LINK_KEY,
            DagRun.run_after < this,
        )
        .order_by(DagRun.run_after.desc())
        .limit(EARLIER_RUNS)
    ).all()
    places = [(TaskPlace(place.dag_id, row.run_id, place.task_id, place.map_index), _plain(row.value)) for row in rows]
    found = (_address(where, link, _rendered_fields(where, session)) for where, link in places)
    return tuple(filter(None, found))
