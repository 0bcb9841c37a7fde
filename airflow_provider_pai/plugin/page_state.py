"""What a page shows now, as JSON: put together from what all viewers share and what is this viewer's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import redact

from airflow_provider_pai.model.monitor.relation import JobRelation
from airflow_provider_pai.model.monitor.view import EarlierRun, job_view
from airflow_provider_pai.plugin.shared import Look, SharedObservations
from airflow_provider_pai.plugin.shared_text import SharedTexts
from airflow_provider_pai.plugin.task_page import JobAddress, TaskOnPage
from airflow_provider_pai.plugin.task_view import job_note, stale_text, task_interval, task_view, unread_view
from airflow_provider_pai.plugin.trouble import trouble_of, unanswered
from airflow_provider_pai.plugin.watched_job import WatchedJob, WatchedJobObserver

_PATIENCE, _PATIENCE_FOR_EARLIER = 3.0, 0.3
"""Seconds to wait for the first look at the page's own job, and at those of earlier runs, which may come later."""


class PageStates:
    """Returns what pages show.

    Args:
        jobs: shares looks at jobs.
    """

    def __init__(self, jobs: SharedObservations[WatchedJob]) -> None:
        self._jobs = jobs
        self._texts = SharedTexts()

    async def state(self, task: TaskOnPage, *, may_stop: bool) -> str:
        """Return what a page about a task instance shows, as JSON.

        Args:
            task: the task instance.
            may_stop: whether the viewer may stop its job.
        """
        view = task_view(task)
        if task.job is None:
            return _json({**view, "stop": None})
        own = await self._look(task.job, _PATIENCE)
        if own.seen is None:
            trouble = trouble_of(own.error, task.job) if own.error else unanswered(task.job, own.waiting_s)
            return _json({**view, **unread_view(trouble), "next_s": own.next_s, "stop": None})
        looks = await asyncio.gather(*(self._look(each, _PATIENCE_FOR_EARLIER) for each in task.earlier))
        asked_again = [look.next_s for look in (own, *looks) if look.next_s is not None]
        view["next_s"] = min(asked_again, default=task_interval(task))
        view["trouble"] = stale_text(trouble_of(own.error, task.job), own.seen) if own.error else ""
        is_over = own.seen.observation.job.is_terminal
        mine = {name: view[name] for name in ("task", "trouble", "next_s")}
        mine["task"]["note"] = job_note(task, own.seen)
        is_own = own.seen.relation is JobRelation.OWN
        mine["stop"] = view["stop"] if may_stop and is_own and not is_over else None
        sources = [own.seen, *(look.seen for look in looks)]
        shared = await self._texts.text(task.job, sources, partial(_job_text, own.seen, task.earlier, looks))
        return f"{_json(mine)[:-1]}, {shared[1:]}"

    def outdate(self, job: JobAddress) -> None:
        """Let the next page that asks cause a look: something was done to the job."""
        self._jobs.outdate(job)

    async def _look(self, address: JobAddress, patience: float) -> Look[WatchedJob]:
        return await self._jobs.look(address, partial(WatchedJobObserver, address), patience)


def _job_text(seen: WatchedJob, addresses: Sequence[JobAddress], looks: Sequence[Look[WatchedJob]]) -> str:
    earlier = [
        EarlierRun(f"run {address.place.run_id}", look.seen.observation if look.seen else None)
        for address, look in zip(addresses, looks, strict=True)
    ]
    return _json(job_view(seen.observation, earlier, seen.console_url, seen.output_pages))


def _json(view: Mapping[str, Any]) -> str:
    # What Airflow knows to be a secret, such as the key of the connection, is shown nowhere.
    return json.dumps(redact(dict(view)), ensure_ascii=False, allow_nan=False)
