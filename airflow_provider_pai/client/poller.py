"""One poller per event loop and identity: a round asks once for all jobs that anybody here waits for."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_pai.api.training import PAGE_SIZE, get_training_job, list_training_jobs
from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.client.keys import Keys
from airflow_provider_pai.client.logs import LogReader
from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.waiting import FINAL_PAUSES, FINAL_READS, LOG_GOES_ON
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.status import JobSnapshot, moment

SINGLE_LOOKS = 5
"""Up to so many jobs are asked for one by one; more are listed."""
_THREADS = 4
_GATHERING = 0.2
_LIST_MARGIN = timedelta(minutes=5)
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """What a round found out about one job.

    Attributes:
        snapshot: the job.
        lines: log lines since the last progress.
    """

    snapshot: JobSnapshot
    lines: tuple[str, ...] = ()


@dataclass(eq=False)
class _Watch:
    job_id: str
    interval: float
    patience: Patience
    logs: LogReader | None
    looked_at: bool = False
    ended: bool = False
    queue: asyncio.Queue[Progress | PAIError] = field(default_factory=asyncio.Queue)


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ClientConfig, StatusPoller]] = WeakKeyDictionary()


async def watch(
    config: ClientConfig,
    job_id: str,
    *,
    interval: float,
    warn: Callable[..., None],
    outage_limit: float,
    logs: bool = True,
    keys: Keys | None = None,
) -> AsyncIterator[Progress]:
    """Yield a job's progress until it has ended, sharing rounds with all other watches of this loop and identity.

    Args:
        config: who asks, and where.
        job_id: the job.
        interval: seconds between two rounds; the shortest of all watches counts.
        warn: called as a logger's ``warning``.
        outage_limit: seconds that PAI may be unreachable.
        logs: whether to read the job's log.
        keys: what the rounds sign with when this watch is their first; default are the configuration's.

    Raises:
        PAIError: asking on makes no sense, see :class:`Patience`.
    """
    warn = partial(_in_context_of_caller, contextvars.copy_context(), warn)
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(config) or pollers.setdefault(config, StatusPoller(PAIClient(config, keys=keys)))
    watched = poller.add(job_id, interval, Patience(warn, outage_limit), warn if logs else None)
    try:
        while True:
            progress = await watched.queue.get()
            if isinstance(progress, PAIError):
                raise progress
            yield progress
            if progress.snapshot.is_terminal:
                break
        async for lines in _last_lines(poller, watched):
            yield Progress(progress.snapshot, lines)
    finally:
        if poller.remove(watched):
            pollers.pop(config, None)
            await poller.close()


async def _last_lines(poller: StatusPoller, watched: _Watch) -> AsyncIterator[tuple[str, ...]]:
    """Yield what an ended job's log still holds, and what comes after the job's end."""
    if watched.logs is None:
        return
    for pause in FINAL_PAUSES:
        await asyncio.sleep(pause)
        for _ in range(FINAL_READS):
            yield await poller.lines(watched)
            if not watched.logs.behind:
                break
    if watched.logs.behind:
        yield (LOG_GOES_ON,)


def _in_context_of_caller(context: contextvars.Context, warn: Callable[..., None], *arguments: object) -> None:
    """Warn in the watcher's own context, which tells Airflow whose log it is; a copy, since two threads may warn."""
    context.copy().run(warn, *arguments)


class StatusPoller:
    """Asks for the jobs of its watches, round after round; idle without watches.

    Args:
        client: sends the calls, from a few threads; closed with the poller.
    """

    def __init__(self, client: PAIClient) -> None:
        self._client = client
        self._watches: set[_Watch] = set()
        self._created: dict[str, datetime] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pai-poller")
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, job_id: str, interval: float, patience: Patience, warn: Callable[..., None] | None) -> _Watch:
        """Begin to ask for a job; its log is read when ``warn`` is given."""
        reader = LogReader(self._client, job_id, warn) if warn else None
        added = _Watch(job_id, interval, patience, reader)
        self._watches.add(added)
        self._news.set()
        if self._task is None or self._task.done():
            # An empty context: the rounds serve everybody and must not log into the first watcher's task log.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="pai-poller", context=contextvars.Context())
            self._task.add_done_callback(self._stopped)
        return added

    def remove(self, watched: _Watch) -> bool:
        """End a watch; True when it was the last one."""
        self._watches.discard(watched)
        return not self._watches

    async def lines(self, watched: _Watch) -> tuple[str, ...]:
        """Return a job's new log lines."""
        return tuple(await self._in_thread(watched.logs.read)) if watched.logs else ()

    async def close(self) -> None:
        """End the rounds and give back threads and connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock()
        due = self._active()
        while True:
            self._news.clear()
            await self._round(due)
            interval = min((each.interval for each in self._active()), default=None)
            left = None if interval is None else max(0.0, last + max(interval, _GATHERING) - clock())
            try:
                await asyncio.wait_for(self._news.wait(), left)
                # Watches come in crowds when a triggerer starts; one look serves them all, and none of the others.
                await asyncio.sleep(_GATHERING)
                due = tuple(each for each in self._active() if not each.looked_at)
            except TimeoutError:
                last, due = clock(), self._active()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Nobody may wait for rounds that no longer come."""
        if not task.cancelled() and (error := task.exception()):
            for each in self._active():
                each.queue.put_nowait(PAIError(f"the poller broke down: {error!r}"))

    def _active(self) -> tuple[_Watch, ...]:
        return tuple(each for each in self._watches if not each.ended)

    async def _round(self, watches: Sequence[_Watch]) -> None:
        for each in watches:
            each.looked_at = True
        found = await self._statuses({each.job_id for each in watches})
        await asyncio.gather(*(self._deliver(each, found[each.job_id]) for each in watches if each in self._watches))

    async def _deliver(self, watched: _Watch, found: JobSnapshot | PAIError) -> None:
        if isinstance(found, PAIError):
            try:
                watched.patience.failed(found)
            except PAIError as error:
                watched.ended = True
                watched.queue.put_nowait(error)
            return
        watched.patience.answered()
        watched.ended = found.is_terminal
        watched.queue.put_nowait(Progress(found, await self.lines(watched)))

    async def _statuses(self, job_ids: set[str]) -> Mapping[str, JobSnapshot | PAIError]:
        found: dict[str, JobSnapshot | PAIError] = {}
        known = [self._created[job_id] for job_id in job_ids if job_id in self._created]
        if len(job_ids) > SINGLE_LOOKS and known:
            try:
                found.update(await self._listed(job_ids, min(known)))
            except PAIError as error:
                # The list says nothing now: asking for each would only make it worse.
                return dict.fromkeys(job_ids, error)
        missing = [job_id for job_id in job_ids if job_id not in found]
        found.update(zip(missing, await asyncio.gather(*map(self._get, missing)), strict=True))
        self._remember(found)
        return found

    async def _listed(self, job_ids: set[str], oldest: datetime) -> dict[str, JobSnapshot]:
        """Read pages of the list, newest job first, until all awaited jobs were seen or the pages end.

        Never more pages than jobs are awaited: in a workspace full of others' jobs it is cheaper to ask for each.
        """
        found: dict[str, JobSnapshot] = {}
        page = 1
        while True:
            call = list_training_jobs(
                self._client.config.workspace_id, start_time=oldest - _LIST_MARGIN, page=page, page_size=PAGE_SIZE
            )
            answer = await self._in_thread(lambda call=call: self._client.send(call, attempts=1))  # type: ignore[misc]
            found.update((job.job_id, job) for job in answer.jobs if job.job_id in job_ids)
            if len(found) == len(job_ids) or page * PAGE_SIZE >= answer.total or page >= len(job_ids):
                return found
            page += 1

    async def _get(self, job_id: str) -> JobSnapshot | PAIError:
        try:
            return await self._in_thread(lambda: self._client.send(get_training_job(job_id), attempts=1))
        except PAIError as error:
            return error

    def _remember(self, found: Mapping[str, JobSnapshot | PAIError]) -> None:
        """Keep creation times: the list needs to know how far back to look."""
        for job_id, job in found.items():
            if isinstance(job, JobSnapshot) and job_id not in self._created and (created := moment(job.created)):
                self._created[job_id] = created
        for job_id in self._created.keys() - found.keys():
            del self._created[job_id]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
