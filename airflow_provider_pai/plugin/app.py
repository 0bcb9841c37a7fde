"""The app behind the Training tab: a page, what it shows as JSON, and stopping the job."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.utils.session import create_session
from fastapi import Body, Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.plugin.access import MayStop, ViewedPlace, require_stop
from airflow_provider_pai.plugin.page import training_page
from airflow_provider_pai.plugin.page_state import PageStates
from airflow_provider_pai.plugin.shared import SharedObservations
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage, read_task
from airflow_provider_pai.plugin.trouble import NotThisTasksJobError, trouble_of
from airflow_provider_pai.plugin.watched_job import WatchedJob, WatchedJobObserver

logger = logging.getLogger(__name__)

_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}
Jobs = SharedObservations[WatchedJob]


def page_task(place: ViewedPlace) -> TaskOnPage:
    """Return the task instance that a request is about.

    Raises:
        HTTPException: 404, there is none.
    """
    # Not a session of the request's: it would be held while the request waits for PAI, and many viewers would take all
    # connections of the database's pool, and with them all threads of the API server.
    with create_session() as session:
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
    states = PageStates(jobs or SharedObservations[WatchedJob]())
    app = FastAPI(title="PAI training", openapi_url=None)

    app.add_exception_handler(HTTPException, _refuse)

    @app.get("/")
    async def page(_: ViewedPlace) -> Response:
        """Return the page, which asks for what it shows."""
        return _document(200)

    @app.get("/state")
    async def state(task: PageTask, may_stop: MayStop) -> Response:
        """Return what the page shows now."""
        text = await states.state(task, may_stop=may_stop)
        return Response(text, media_type="application/json", headers=_HEADERS)

    @app.post("/stop", dependencies=[Depends(require_stop)])
    async def stop(task: PageTask, user: GetUserDep, job_id: Annotated[str, Body(embed=True)]) -> JSONResponse:
        """Stop the job that the page shows."""
        if task.job is None or task.job.job_id != job_id:
            raise HTTPException(409, "The task has another job now: look at it before stopping it")
        await run_in_threadpool(_stop, task.job, user.get_name())
        states.outdate(task.job)
        return JSONResponse({"stopped": job_id}, headers=_HEADERS)

    return app


def _document(status: int) -> Response:
    found = training_page()
    return HTMLResponse(found.html, status, headers={**_HEADERS, "content-security-policy": found.policy})


async def _refuse(request: Request, error: Exception) -> Response:
    """Refuse a request; a browser that wanted the page still gets it: it holds nothing and says why."""
    if not isinstance(error, HTTPException):
        raise error
    if "text/html" in request.headers.get("accept", ""):
        return _document(error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, headers={**_HEADERS, **(error.headers or {})})


def _stop(address: JobAddress, by: str) -> None:
    logger.info("User %s stops job %s of %s", by, address.job_id, address.place)
    try:
        with closing(WatchedJobObserver(address)) as observer:
            observer.stop(by)
    except (NotThisTasksJobError, PAIError) as error:
        trouble = trouble_of(error, address)
        raise HTTPException(502, f"The job was not stopped: {trouble.text} {trouble.advice}".rstrip()) from error
