"""One look after the other at the models that tasks of a triggerer wait for: at most one call a second for all of them.

A few models are looked at one by one. Where many are waited for, the list of all models is cheaper: it shows the latest
version of each, and only models with a changed latest version are read; all others once a minute.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from airflow_provider_pai.api.call import T
from airflow_provider_pai.api.registry import PAGE_SIZE
from airflow_provider_pai.client.credentials.provider import CredentialsProvider
from airflow_provider_pai.client.polling.interval import Backoff
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel

CALL_PAUSE = 1.0
"""Seconds between two calls."""
FULL_LOOK_PAUSE = 60.0
"""Seconds between two looks at a model while its latest version has not changed."""


_AT_ONCE = float("-inf")


@dataclass
class _Watched:
    """A model that tasks wait for.

    Attributes:
        interval: seconds between two looks.
        queues: of the waiting tasks; each gets the versions of a look, or its error.
        due: when to look again.
        model: the model; None until it was found.
        latest: its latest version, as the list of models showed it.
    """

    interval: float
    due: float
    queues: list[asyncio.Queue[Sequence[ModelVersion] | PAIError]] = field(default_factory=list)
    model: RegisteredModel | None = None
    latest: ModelVersion | None = None


class VersionWatcher:
    """Looks at models until nothing waits for any.

    Args:
        registry: the registry.
        clock: a monotonic clock, in seconds.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff()
        self._watched: dict[str, _Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._pages = 0
        self._next_page = 1
        self._list_due = 0.0
        self._calls = 0

    async def watch(self, model_name: str, interval: float) -> AsyncGenerator[Sequence[ModelVersion] | PAIError, None]:
        """Yield the versions of a model after each look, or the error that a look ended with.

        Args:
            model_name: the model; one that does not exist has no versions.
            interval: seconds between two looks.
        """
        queue: asyncio.Queue[Sequence[ModelVersion] | PAIError] = asyncio.Queue()
        watched = self._watched.setdefault(model_name, _Watched(interval, self._clock()))
        watched.queues.append(queue)
        watched.interval = min(watched.interval, interval)
        watched.due = self._clock()
        if self._task is None:
            # What runs for all must not write into the log of the task that came first.
            self._task = asyncio.create_task(self._look_on(), context=contextvars.Context())
            self._task.add_done_callback(self._end_waits_on_failure)
        try:
            while True:
                yield await queue.get()
        finally:
            watched.queues.remove(queue)
            if not watched.queues:
                self._watched.pop(model_name, None)

    @property
    def is_idle(self) -> bool:
        """Whether no task waits for a model."""
        return not self._watched

    async def close(self) -> None:
        """End the looks."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _end_waits_on_failure(self, task: asyncio.Task[None]) -> None:
        """End every wait when the looks have ended by a fault of this module."""
        if task.cancelled() or not (error := task.exception()):
            return
        for watched in self._watched.values():
            for queue in watched.queues:
                queue.put_nowait(PAIError(f"looking at models failed: {error!r}"))

    async def _look_on(self) -> None:
        while self._watched:
            # What a look costs is known when it is over: a model of many versions takes a call for each page.
            self._calls = 1
            await self._step()
            await self._sleep(CALL_PAUSE * self._calls)

    async def _step(self) -> None:
        """Look once: at the list of all models when it is due and cheaper, else at the model due first."""
        now = self._clock()
        if self._lists() and (self._next_page > 1 or now >= self._list_due):
            await self._list_page()
            return
        name, watched = min(self._watched.items(), key=lambda item: item[1].due)
        if now < watched.due:
            return
        found = await self._asked(lambda: self._versions(watched, name))
        watched.due = now + self._pause(watched)
        for queue in watched.queues:
            queue.put_nowait(found)

    def _lists(self) -> bool:
        """Whether to go through the list of all models: when it has fewer pages than there are models to look at."""
        return len(self._watched) > 1 and max(self._pages, 1) < len(self._watched)

    def _pause(self, watched: _Watched) -> float:
        return self._backoff.pause(max(watched.interval, FULL_LOOK_PAUSE) if self._lists() else watched.interval)

    def _versions(self, watched: _Watched, name: str) -> Sequence[ModelVersion]:
        if watched.model is None:
            watched.model = self._registry.find(name)
            if watched.model is None:
                return ()
            self._calls += 1
        try:
            versions = self._registry.versions(watched.model)
        except NotFoundError:
            # Deleted meanwhile; another one may get its name.
            watched.model = None
            return ()
        self._calls += max(0, -(-len(versions) // PAGE_SIZE) - 1)
        return versions

    async def _list_page(self) -> None:
        page = await self._asked(lambda: self._registry.page(self._next_page))
        now = self._clock()
        if isinstance(page, PAIError):
            self._next_page, self._list_due = 1, now + self._backoff.pause(CALL_PAUSE)
            return
        for model in page.items:
            watched = self._watched.get(model.name)
            if watched and model.latest != watched.latest:
                # Before all that are only due for another look.
                watched.latest, watched.due = model.latest, _AT_ONCE
        self._pages = -(-page.total // PAGE_SIZE)
        if page.items and self._next_page < self._pages:
            self._next_page += 1
        else:
            self._next_page = 1
            self._list_due = now + min(watched.interval for watched in self._watched.values())

    async def _asked(self, ask: Callable[[], T]) -> T | PAIError:
        try:
            answer = await asyncio.to_thread(ask)
        except PAIError as error:
            self._backoff.record_error(error)
            return error
        self._backoff.reset()
        return answer


_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ClientConfig, VersionWatcher]] = WeakKeyDictionary()


async def watch_versions(
    config: ClientConfig, keys: CredentialsProvider, model_name: str, interval: float
) -> AsyncGenerator[Sequence[ModelVersion] | PAIError, None]:
    """Yield the versions of a model after each look, or the error of one, sharing looks with all waits of this loop.

    Args:
        config: who asks, and where.
        keys: what the looks sign with when this wait is their first.
        model_name: the model; one that does not exist has no versions.
        interval: seconds between two looks.
    """
    watchers = _watchers.setdefault(asyncio.get_running_loop(), {})
    if config not in watchers:
        registry = ModelRegistry(PAIClient(config, keys=keys), config.workspace_id, logging.getLogger(__name__))
        watchers[config] = VersionWatcher(registry)
    watcher = watchers[config]
    try:
        async with aclosing(watcher.watch(model_name, interval)) as looks:
            async for look in looks:
                yield look
    finally:
        if watcher.is_idle and watchers.get(config) is watcher:
            del watchers[config]
            await watcher.close()
