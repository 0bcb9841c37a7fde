"""One poller per event loop and identity: a round asks once for all jobs that anybody here waits for."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_pai.api.training import PAGE_SIZE, get_training_job, list_training_jobs
from airflow_provider_pai.client.bookmark import Bookmark
from airflow_provider_pai.client.config import ClientConfig
from airflow_provider_pai.client.http import PAIClient
from airflow_provider_pai.client.keys import Keys
from airflow_provider_pai.client.log_pages import LogPages
from airflow_provider_pai.client.logs import PAGES_PER_READ, LogReader
from airflow_provider_pai.client.pace import Pace
from airflow_provider_pai.client.patience import Patience
from airflow_provider_pai.client.task_log import TaskLog
from airflow_provider_pai.client.waiting import FINAL_READS, LOG_GOES_ON
from airflow_provider_pai.client.watch import Progress, Watch
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.status import JobSnapshot, moment

SINGLE_LOOKS = 5
"""Up to so many jobs are asked for one by one; more are listed."""
_THREADS = 4
_GATHERING = 0.2
_LIST_MARGIN = timedelta(minutes=5)
LOG_PAGES_PER_ROUND = 200
"""Pages of logs that a round reads at most, of all jobs together, so that their statuses don't wait for long."""
T = TypeVar("T")


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
    bookmark: Bookmark | None = None,
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
        bookmark: knows where the task's log stopped, and is moved on. Default: begin at the beginning.

    Raises:
        PAIError: asking on makes no sense, see :class:`Patience`.
    """
    warn = partial(_in_context_of_caller, contextvars.copy_context(), warn)
    bookmark = bookmark or Bookmark()
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(config) or pollers.setdefault(config, StatusPoller(PAIClient(config, keys=keys)))
    reader = LogReader(poller.client, job_id, warn, pages=poller.log_pages) if logs else None
    log = TaskLog(reader, bookmark, config.log_delay)
    watched = Watch(job_id, interval, Patience(warn, outage_limit), log)
    poller.add(watched)
    try:
        async for progress in until_end(poller, watched):
            yield progress
            # Whoever asks for more has shown this.
            bookmark.move(progress.snapshot, progress.cursor)
            if not progress.snapshot.is_terminal and bookmark.falls_due():
                poller.keep(bookmark)
    finally:
        if poller.remove(watched):
            pollers.pop(config, None)
            await poller.close()


async def until_end(poller: StatusPoller, watched: Watch) -> AsyncIterator[Progress]:
    """Yield what the rounds find out, and then what an ended job's log still holds, and what comes after its end."""
    while True:
        progress = await watched.queue.get()
        if isinstance(progress, PAIError):
            raise progress
        yield progress
        if progress.snapshot.is_terminal:
            break
    job, log = progress.snapshot, watched.log
    # At once, too: a round may have left out lines that are there, or all of them.
    for pause in chain([0.0] if log.is_read else [], log.last_pauses()):
        await asyncio.sleep(pause)
        for _ in range(FINAL_READS):
            lines = await poller.lines(watched, job, PAGES_PER_READ)
            yield Progress(job, tuple(lines), log.cursor)
            if not log.behind:
                break
    goes_on = [LOG_GOES_ON] if log.behind else []
    yield Progress(job, (*goes_on, *log.end(job)), log.cursor)


def _in_context_of_caller(context: contextvars.Context, warn: Callable[..., None], *arguments: object) -> None:
    """Warn in the watcher's own context, which tells Airflow whose log it is; a copy, since two threads may warn."""
    context.copy().run(warn, *arguments)


class StatusPoller:
    """Asks for the jobs of its watches, round after round; idle without watches.

    Args:
        client: sends the calls, from a few threads; closed with the poller.

    Attributes:
        client: the same.
        log_pages: what is known of the pages of logs.
    """

    def __init__(self, client: PAIClient) -> None:
        self.client = client
        self.log_pages = LogPages()
        self._watches: set[Watch] = set()
        self._pace = Pace()
        self._rounds = 0
        self._created: dict[str, datetime] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pai-poller")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="pai-bookmarks")
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, watched: Watch) -> None:
        """Begin to ask for a job."""
        self._watches.add(watched)
        self._news.set()
        if self._task is None or self._task.done():
            # An empty context: the rounds serve everybody and must not log into the first watcher's task log.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="pai-poller", context=contextvars.Context())
            self._task.add_done_callback(self._stopped)

    def remove(self, watched: Watch) -> bool:
        """End a watch; True when it was the last one."""
        self._watches.discard(watched)
        return not self._watches

    async def lines(self, watched: Watch, job: JobSnapshot, pages: int) -> list[str]:
        """Return a job's new log lines."""
        return await self._in_thread(partial(watched.log.lines, job, pages))

    def keep(self, bookmark: Bookmark) -> None:
        """Keep a place soon: one after the other, so that very many never delay the rounds."""
        self._keeper.submit(bookmark.keep, self.client)

    async def close(self) -> None:
        """End the rounds and give back threads and connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for threads in (self._threads, self._keeper):
            threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock()
        due = self._active()
        while True:
            self._news.clear()
            await self._round(due)
            interval = min((each.interval for each in self._active()), default=None)
            pause = None if interval is None else self._pace.pause(max(interval, _GATHERING))
            left = None if pause is None else max(0.0, last + pause - clock())
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

    def _active(self) -> tuple[Watch, ...]:
        return tuple(each for each in self._watches if not each.ended)

    async def _round(self, watches: Sequence[Watch]) -> None:
        for each in watches:
            each.looked_at = True
        found = await self._statuses({each.job_id for each in watches})
        self._keep_pace(found.values())
        waiting = [each for each in watches if each in self._watches]
        pages = self._pages(waiting)
        await asyncio.gather(*(self._deliver(each, found[each.job_id], pages.get(each, 0)) for each in waiting))

    def _keep_pace(self, found: Collection[JobSnapshot | PAIError]) -> None:
        """An outage is everybody's: the rounds slow down when none of the jobs could be seen."""
        errors = [each for each in found if isinstance(each, PAIError)]
        if found and len(errors) == len(found):
            self._pace.failed(errors[0])
        elif found:
            self._pace.answered()

    def _pages(self, watches: Sequence[Watch]) -> Mapping[Watch, int]:
        """Share out the log pages of a round; of very many watches, those get some that have waited longest."""
        self._rounds += 1
        waiting = sorted((each for each in watches if each.log.is_read), key=lambda each: each.last_read)
        reading = waiting[:LOG_PAGES_PER_ROUND]
        for each in reading:
            each.last_read = self._rounds
        return dict.fromkeys(reading, min(PAGES_PER_READ, LOG_PAGES_PER_ROUND // max(1, len(reading))))

    async def _deliver(self, watched: Watch, found: JobSnapshot | PAIError, pages: int) -> None:
        if isinstance(found, PAIError):
            try:
                watched.patience.failed(found)
            except PAIError as error:
                watched.ended = True
                watched.queue.put_nowait(error)
            return
        watched.patience.answered()
        watched.ended = found.is_terminal
        news = watched.log.news(found)
        lines = await self.lines(watched, found, pages) if pages else []
        watched.queue.put_nowait(Progress(found, (*news, *lines), watched.log.cursor))

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
                self.client.config.workspace_id, start_time=oldest - _LIST_MARGIN, page=page, page_size=PAGE_SIZE
            )
            answer = await self._in_thread(lambda call=call: self.client.send(call, attempts=1))  # type: ignore[misc]
            found.update((job.job_id, job) for job in answer.jobs if job.job_id in job_ids)
            if len(found) == len(job_ids) or page * PAGE_SIZE >= answer.total or page >= len(job_ids):
                return found
            page += 1

    async def _get(self, job_id: str) -> JobSnapshot | PAIError:
        try:
            return await self._in_thread(lambda: self.client.send(get_training_job(job_id), attempts=1))
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
