"""Rows of Airflow's database about task instances; they have another layout from Airflow 3.4 on.

Until 3.3 an XCom and the rendered arguments are found by DAG, run, task and map index; from 3.4 on by the id of the
task instance, and ``map_index`` in the tables is ``region_index``, which counts a loop's iterations, too [read in 3.3.2
and 3.4.0b2].
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from airflow_provider_pai.hooks.airflow_state import region_of
from airflow_provider_pai.model.monitor.relation import TaskPlace
from airflow_provider_pai.model.names import LINK_KEY

_HAS_REGIONS = hasattr(TaskInstance, "region_id")
_MOST_ITERATIONS = 200


def rows_of(place: TaskPlace, session: Session) -> Sequence[TaskInstance]:
    """Return the task instances with this DAG, run, task and map index, in order.

    That is one, or in a loop one for each iteration, of which the newest hundreds are returned.

    Args:
        place: which; its region is not looked at.
        session: of Airflow's database.
    """
    where = [
        TaskInstance.dag_id == place.dag_id,
        TaskInstance.run_id == place.run_id,
        TaskInstance.task_id == place.task_id,
        _public_map_index() == place.map_index,
    ]
    found = select(TaskInstance).where(*where).order_by(_position().desc()).limit(_MOST_ITERATIONS)
    return list(reversed(session.scalars(found).all()))


def place_of(row: TaskInstance, map_index: int) -> TaskPlace:
    """Return which task instance a row is.

    Args:
        row: the row.
        map_index: its index as a mapped task, which on 3.4 the row alone does not tell.
    """
    region_id, region_index = region_of(row)
    return TaskPlace(row.dag_id, row.run_id, row.task_id, map_index, region_id, region_index)


def iteration_of(row: TaskInstance, map_index: int, session: Session) -> int | None:
    """Return in which iteration of a loop a task instance is, from 0; None outside of loops.

    Args:
        row: the task instance.
        map_index: its index as a mapped task; that of one in a loop says nothing of the loop.
        session: of Airflow's database.
    """
    region_id, region_index = region_of(row)
    if not region_id:
        return None
    if map_index < 0:
        return region_index
    regions = importlib.import_module("airflow.models.dynamic_region")
    region = session.get(regions.DynamicRegion, row.region_id)
    return region.parent_region_index if region else None


def xcom_of(row: TaskInstance, key: str, session: Session) -> object:
    """Return what a task instance has pushed under a key, as it is stored; None for nothing."""
    return session.scalar(select(XComModel.value).where(_is_of(row), XComModel.key == key))


def earlier_links(row: TaskInstance, map_index: int, most: int, session: Session) -> list[tuple[TaskInstance, object]]:
    """Return task instances that had a link before this one, with it, the newest first.

    These are those of the runs before; in a loop, the iterations of this run before this one come first.

    Args:
        row: the task instance.
        map_index: its index as a mapped task.
        most: how many.
        session: of Airflow's database.
    """
    this = session.scalar(select(DagRun.run_after).where(DagRun.dag_id == row.dag_id, DagRun.run_id == row.run_id))
    if this is None:
        return []
    is_before = DagRun.run_after < this
    if _HAS_REGIONS and map_index < 0:
        is_before = or_(is_before, and_(TaskInstance.run_id == row.run_id, _position() < _position(row)))
    found = (
        select(TaskInstance, XComModel.value)
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .join(XComModel, _is_of(TaskInstance))
        .where(
            TaskInstance.dag_id == row.dag_id,
            TaskInstance.task_id == row.task_id,
            _public_map_index() == map_index,
            XComModel.key == LINK_KEY,
            is_before,
        )
        .order_by(DagRun.run_after.desc(), _position().desc())
        .limit(most)
    )
    return [(found_row, value) for found_row, value in session.execute(found)]


def rendered_fields(row: TaskInstance, session: Session) -> Mapping[str, Any]:
    """Return the arguments of a task as they were when it ran; Airflow keeps those of the last runs."""
    return RenderedTaskInstanceFields.get_templated_fields(row, session=session) or {}


def _is_of(row: Any) -> Any:
    """Return the condition that an XCom is a task instance's."""
    if _HAS_REGIONS:
        return XComModel.task_instance_id == row.id
    return and_(
        XComModel.dag_id == row.dag_id,
        XComModel.run_id == row.run_id,
        XComModel.task_id == row.task_id,
        XComModel.map_index == row.map_index,
    )


def _position(row: Any = TaskInstance) -> Any:
    return row.region_index if _HAS_REGIONS else row.map_index


def _public_map_index() -> Any:
    """Return the expression for the index that Airflow's pages and API know a task instance by."""
    if not _HAS_REGIONS:
        return TaskInstance.map_index
    coordinates = importlib.import_module("airflow.models.task_coordinates")
    return coordinates.public_map_index_expression(TaskInstance)
