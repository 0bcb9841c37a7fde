"""The plugin as Airflow loads it, in every one of its processes: it costs a few lines until a page is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

PREFIX = "/pai-training"
"""Where the app is, below the API server's own address."""
NAME = "Training"
_HREF = f"{PREFIX.lstrip('/')}/?dag_id={{DAG_ID}}&run_id={{RUN_ID}}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}"
"""Relative to the address of Airflow's pages, so that it works below a path, too."""

Message = MutableMapping[str, Any]
ASGIApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class OnDemandApp:
    """An ASGI app that is built when it is first asked.

    The scheduler, the DAG processor and every worker load plugins, too: none of them is to pay for FastAPI and hooks.

    Args:
        build: returns the app.
    """

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve a request."""
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)


def _build() -> ASGIApp:
    from airflow_provider_pai.plugin.app import training_app

    return training_app()


class PAITrainingTab(AirflowPlugin):
    """Adds the tab Training to the pages of task instances; nothing before Airflow 3.1, which has no such tabs."""

    name = "pai_training_tab"
    fastapi_apps = (
        [{"app": OnDemandApp(_build), "url_prefix": PREFIX, "name": "PAI training"}] if AIRFLOW_V_3_1_PLUS else []
    )
    external_views = (
        [{"name": NAME, "href": _HREF, "destination": "task_instance", "url_route": "pai-training"}]
        if AIRFLOW_V_3_1_PLUS
        else []
    )
