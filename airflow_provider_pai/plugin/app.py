"""The app behind the Training tab: a page, what it shows as JSON, and stopping the job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Annotated, Any, cast

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.providers.common.compat.sdk import redact
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.monitor.view import EarlierRun, job_view
from airflow_provider_pai.plugin.access import MayStop, ViewedPlace, require_stop
from airflow_provider_pai.plugin.shared import Look, SharedObservations
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage, read_task
from airflow_provider_pai.plugin.task_view import task_view
from airflow_provider_pai.plugin.watched_job import WatchedJob, WatchedJobObserver, hook_of, said_error

_PATIENCE = 8.0
_FILES = {"": "training.html", "training.css": "training.css", "training.js": "training.js", "chart.js": "chart.js"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    # Nothing of the page comes from elsewhere, and nothing that a job prints can run in it.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'self'; "
        "base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
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
    for path, name in _FILES.items():
        app.get(f"/{path}")(partial(_page, name) if path else _first_page)

    @app.get("/state")
    async def state(task: PageTask, may_stop: MayStop) -> JSONResponse:
        """Return what the page shows now."""
        return JSONResponse(await _state(shared, task, may_stop=may_stop), headers=_HEADERS)

    @app.post("/stop", dependencies=[Depends(require_stop)])
    async def stop(task: PageTask, job_id: Annotated[str, Body(embed=True)]) -> JSONResponse:
        """Stop the job that the page shows."""
        if task.job is None or task.job.job_id != job_id:
            raise HTTPException(409, "The task has another job now: look at it before stopping it")
        await run_in_threadpool(_stop, task.job)
        shared.outdate(task.job)
        return JSONResponse({"stopped": job_id}, headers=_HEADERS)

    return app


def _page(name: str) -> Response:
    content = files("airflow_provider_pai.plugin").joinpath("page", name).read_bytes()
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS)


def _first_page(place: ViewedPlace) -> Response:  # noqa: ARG001 - who may not see the task sees no page
    return _page(_FILES[""])


async def _state(shared: Jobs, task: TaskOnPage, *, may_stop: bool) -> dict[str, Any]:
    view: dict[str, Any] = task_view(task)
    if task.job is not None:
        look, *others = await asyncio.gather(
            *(_look(shared, address, patience=_PATIENCE) for address in (task.job, *task.earlier))
        )
        if look.seen is not None:
            view |= job_view(look.seen.observation, _earlier(task.earlier, others), look.seen.console_url)
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


def _stop(address: JobAddress) -> None:
    observer = WatchedJobObserver(address)
    try:
        observer.observe()
        hook_of(address).stop(address.job_id)
    except PAIError as error:
        raise HTTPException(502, said_error(error)) from error
    finally:
        observer.close()
