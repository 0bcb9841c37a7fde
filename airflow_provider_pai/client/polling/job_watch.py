"""Jobs with certain labels, from any source: looks share the poller's sender and its rate limit.

A look reads the jobs that were modified last, back to the time it is asked for. Every few minutes, and at first, it
reads them all: the order of that list is not certain [inferred: it goes with a filter by labels].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from airflow_provider_pai.api.training import ListedJob, get_training_job, update_training_job_labels
from airflow_provider_pai.client.credentials.provider import CredentialsProvider
from airflow_provider_pai.client.logs.checkpoint import constant_labels
from airflow_provider_pai.client.polling.job_lister import JobLister, ListFilter
from airflow_provider_pai.client.polling.poller import StatusPoller
from airflow_provider_pai.client.polling.registry import close_poller, shared_poller
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import utc_now
from airflow_provider_pai.errors import PAIError, ProtocolError
from airflow_provider_pai.model.training.job_ends import has_labels
from airflow_provider_pai.model.training.status import JobSnapshot

WINDOW = timedelta(days=30)
"""Jobs that were created earlier are not seen."""
FULL_LOOK_PAUSE = 300.0
"""Seconds between two looks at all of them."""
_EVERY_JOB = 1_000_000


@asynccontextmanager
async def watch_jobs(
    config: ClientConfig, labels: Mapping[str, str], keys: CredentialsProvider | None = None
) -> AsyncIterator[JobWatch]:
    """Watch jobs for as long as the context is open, with the poller of this loop and identity.

    Args:
        config: who asks, and where.
        labels: labels that a job must all have.
        keys: what a new poller signs with; default are the configuration's.
    """
    poller = shared_poller(config, keys)
    lister = poller.hold()
    try:
        yield JobWatch(poller, lister, labels)
    finally:
        if poller.let_go():
            await close_poller(config, poller)


class JobWatch:
    """Looks at jobs with certain labels.

    Args:
        poller: counts and sends the calls.
        lister: its list of jobs.
        labels: labels that a job must all have.
        now: the time, in UTC.
        clock: a monotonic clock, in seconds. Default: the event loop's.
    """

    def __init__(
        self,
        poller: StatusPoller,
        lister: JobLister,
        labels: Mapping[str, str],
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._poller = poller
        self._lister = lister
        self._labels = dict(labels)
        self._now = now
        self._clock = clock or asyncio.get_running_loop().time
        self._full_look_due = self._clock()

    async def look(self, since: datetime | None) -> list[JobSnapshot]:
        """Return jobs: all that were modified since a time, or all.

        Args:
            since: what was modified earlier may be left out; None for all.

        Raises:
            PAIError: they can't be listed.
        """
        await self._poller.wait_for_room()
        window = ListFilter(self._now() - WINDOW, labels=self._labels)
        now = self._clock()
        if since is not None and now < self._full_look_due:
            return self._read(await self._changed(window, since))
        found: list[ListedJob] = []

        async def take(jobs: Sequence[ListedJob], _: int) -> int:
            found.extend(jobs)
            return _EVERY_JOB

        await self._lister.read(window, _EVERY_JOB - 1, take)
        self._full_look_due = now + FULL_LOOK_PAUSE
        return self._read(found)

    async def whole(self, job: JobSnapshot) -> JobSnapshot:
        """Return a job with what lists leave out; as it was listed when it can't be asked for."""
        try:
            return await self._poller.send_when_allowed(get_training_job(job.job_id))
        except PAIError:
            return job

    async def label(self, job: JobSnapshot, labels: Mapping[str, str]) -> None:
        """Add labels to a job; those that it has are sent along, in case they are all replaced.

        Raises:
            PAIError: they can't be added.
        """
        await self._poller.send_when_allowed(update_training_job_labels(job.job_id, {**constant_labels(job), **labels}))

    async def _changed(self, window: ListFilter, since: datetime) -> list[ListedJob]:
        found: list[ListedJob] = []
        number = 1
        while True:
            page = await self._lister.changed_page(window, number)
            found += page.jobs
            times = [each.modified for each in page.jobs if each.modified]
            if not page.jobs or len(found) >= page.total or (times and min(times) < since):
                return found
            number += 1

    def _read(self, listed: Sequence[ListedJob]) -> list[JobSnapshot]:
        """Return the jobs that can be read, each once: one may move on the list while its pages are read."""
        jobs: dict[str, JobSnapshot] = {}
        for each in listed:
            try:
                job = each.read()
            except ProtocolError:
                continue
            if has_labels(job, self._labels):
                jobs[job.job_id] = job
        return list(jobs.values())
