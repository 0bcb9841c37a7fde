"""Who may see and stop a task's job: those who may see the task and its log, and who may mark it, in Airflow itself.

Airflow does not protect the apps of plugins.
"""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

from airflow_provider_pai.model.monitor.relation import TaskPlace

_SEEN = (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.TASK_LOGS)
STOP_HEADER = "x-pai-training"
"""Header that a request to stop must have: no form of another site can send it, nor a script without being asked."""


def viewed_place(
    request: Request,
    user: GetUserDep,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: str = "-1",
    region_id: str = "",
    region_index: str = "-1",
) -> TaskPlace:
    """Return the task instance that a request is about, when its user may see it.

    Raises:
        HTTPException: 401 without a login, 403 without the rights.
    """
    for entity in _SEEN:
        requires_access_dag("GET", entity, dag_id)(request, user)
    # Airflow's pages leave the placeholder of an unmapped task as it is.
    return TaskPlace(dag_id, run_id, task_id, _whole(map_index), region_id, _whole(region_index))


def _whole(text: str) -> int:
    return int(text) if text.removeprefix("-").isdecimal() else -1


def may_stop(request: Request, user: GetUserDep, dag_id: str) -> bool:
    """Whether the user may mark this DAG's task instances, which stops their jobs, too."""
    try:
        requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE, dag_id)(request, user)
    except HTTPException:
        return False
    return True


def require_stop(request: Request, allowed: Annotated[bool, Depends(may_stop)]) -> None:
    """Refuse a request to stop a job that is not the page's own, or by a user who may not do it.

    Raises:
        HTTPException: 403.
    """
    if not allowed:
        raise HTTPException(403, "You may not change task instances of this DAG")
    if request.headers.get(STOP_HEADER) != "stop" or request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        raise HTTPException(403, "Only the page itself can stop a job")


ViewedPlace = Annotated[TaskPlace, Depends(viewed_place)]
MayStop = Annotated[bool, Depends(may_stop)]
