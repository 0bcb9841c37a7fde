"""The app behind the Training tab: a page, what it shows as JSON, and stopping the job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, cast

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.providers.common.compat.sdk import redact
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.monitor.view import EarlierRun, job_view
from airflow_provider_pai.plugin.access import MayStop, ViewedPlace, require_stop
from airflow_provider_pai.plugin.page import training_page
from airflow_provider_pai.plugin.shared import Look, SharedObservations
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage, read_task
from airflow_provider_pai.plugin.task_view import task_view
from airflow_provider_pai.plugin.watched_job import NotThisTasksJobError, WatchedJob, WatchedJobObserver, said_error

logger = logging.getLogger(__name__)

_PATIENCE = 8.0
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}
Jobs = SharedObservations[WatchedJob]


def page_task(place: ViewedPlace, session: SessionDep) -> TaskOnPage:
    """Return the task instance that a request is about.

    Raises:
        HTTPException: 404, there is none.
    """
    task = read_task(place, session)
    if task is None:
        raise HTTPException(404, "There is no such task instance")
    return task


PageTask = Annotated[TaskOnPage, Depends(page_task)]


def training_app(jobs: Jobs | None = None) -> FastAPI:
    """Return the app.

    Args:
        jobs: shares looks at jobs. Default: one of its own.
    """
    shared = jobs or SharedObservations[WatchedJob]()
    app = FastAPI(title="PAI training", openapi_url=None)

    @app.get("/")
    async def page(_: ViewedPlace) -> HTMLResponse:
        """Return the page; who may not see the task sees none."""
        found = training_page()
        return HTMLResponse(found.html, headers={**_HEADERS, "content-security-policy": found.policy})

    @app.get("/state")
    async def state(task: PageTask, may_stop: MayStop) -> JSONResponse:
        """Return what the page shows now."""
        return JSONResponse(await _state(shared, task, may_stop=may_stop), headers=_HEADERS)

    @app.post("/stop", dependencies=[Depends(require_stop)])
    async def stop(task: PageTask, user: GetUserDep, job_id: Annotated[str, Body(embed=True)]) -> JSONResponse:
        """Stop the job that the page shows."""
        if task.job is None or task.job.job_id != job_id:
            raise HTTPException(409, "The task has another job now: look at it before stopping it")
        await run_in_threadpool(_stop, task.job, user.get_name())
        shared.outdate(task.job)
        return JSONResponse({"stopped": job_id}, headers=_HEADERS)

    return app


async def _state(shared: Jobs, task: TaskOnPage, *, may_stop: bool) -> dict[str, Any]:
    view: dict[str, Any] = task_view(task)
    if task.job is not None:
        look, *others = await asyncio.gather(
            *(_look(shared, address, patience=_PATIENCE) for address in (task.job, *task.earlier))
        )
        if look.seen is not None:
            view |= job_view(
                look.seen.observation,
                _earlier(task.earlier, others),
                look.seen.console_url,
                look.seen.output_pages,
            )
            view["stop"] = view["stop"] if may_stop and not look.seen.observation.job.is_terminal else None
        view["trouble"] = said_error(look.error) if look.error else ""
        view["next_s"] = min((each.next_s for each in (look, *others) if each.next_s is not None), default=None)
    # What Airflow knows to be a secret, such as the key of the connection, is shown nowhere.
    return cast("dict[str, Any]", redact(view))


def _earlier(addresses: Sequence[JobAddress], looks: Sequence[Look[WatchedJob]]) -> list[EarlierRun]:
    return [
        EarlierRun(f"run {address.place.run_id}", look.seen.observation if look.seen else None)
        for address, look in zip(addresses, looks, strict=True)
    ]


async def _look(shared: Jobs, address: JobAddress, *, patience: float) -> Look[WatchedJob]:
    return await shared.look(address, partial(WatchedJobObserver, address), patience)


def _stop(address: JobAddress, by: str) -> None:
    logger.info("User %s stops job %s of %s", by, address.job_id, address.place)
    observer = WatchedJobObserver(address)
    try:
        observer.stop(by)
    except (NotThisTasksJobError, PAIError) as error:
        raise HTTPException(502, said_error(error)) from error
    finally:
        observer.close()
