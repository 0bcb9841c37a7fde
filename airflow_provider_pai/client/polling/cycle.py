"""One poll cycle: a look at all jobs that are due, by a list of many or by asking for each of a few."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import ListedJob, get_training_job
from airflow_provider_pai.client.polling.job_lister import JobLister
from airflow_provider_pai.client.polling.rate_limit import RateLimiter
from airflow_provider_pai.client.polling.store import SLICE, SubscriptionStore
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import PAIError, ProtocolError, ThrottledError
from airflow_provider_pai.model.training.status import JobSnapshot

SINGLE_LOOKS = 1
"""Up to so many jobs are asked for one by one; more are listed: one call for all, so that looks can be frequent."""
LEAST_SINGLE_LOOKS = 10
"""Jobs that are asked for one by one after a list, even when there were many calls already."""
MOST_SINGLE_LOOKS = 150
"""Jobs that are asked for one by one in one cycle, unless a list would have cost more."""
_AT_ONCE = 8


@dataclass(frozen=True)
class PollContext:
    """What a cycle works with.

    Attributes:
        store: who waits for which job.
        send: asks for a job from a thread.
        jobs: the list of jobs.
        limiter: says how many calls may be made.
    """

    store: SubscriptionStore
    send: Callable[[Call[JobSnapshot]], Future[JobSnapshot]]
    jobs: JobLister
    limiter: RateLimiter


@dataclass(frozen=True)
class CycleResult:
    """What a cycle came to.

    Attributes:
        cost: calls that it takes to look at these jobs.
        listed: whether it asked for a list.
        answered: whether PAI has answered anything in it, so that it isn't out.
        error: says that PAI is out, or wants fewer calls; None for neither.
    """

    cost: int
    listed: bool
    answered: bool
    error: PAIError | None


class PollCycle:
    """One look.

    Args:
        context: what it works with.
        job_ids: the jobs to see.
        started: when it began, in the event loop's time.
        evenness: the part of each pause that is made until the next look.
    """

    def __init__(self, context: PollContext, job_ids: set[str], started: float, evenness: float = 1.0) -> None:
        self._context = context
        self._store = context.store
        self._missing = set(job_ids)
        self._started = started
        self._evenness = evenness
        self._cost = self._pages = 0
        self._answered = False

    async def run(self) -> CycleResult:
        """Look at the jobs; what is found out goes to the store."""
        listed = len(self._missing) > SINGLE_LOOKS
        error = await self._list() if listed else None
        if error is None:
            error = await self._get_missing()
        elif not self._answered:
            await self._record_errors(self._missing, error)
        return CycleResult(self._cost, listed, self._answered, error)

    async def _list(self) -> PAIError | None:
        window = await self._store.window(self._missing)
        try:
            await self._context.jobs.read(window, len(self._missing), self._observe_page)
        except PAIError as error:
            # Without the right to list, or with a page that can't be read, single jobs may still be readable.
            self._pages += 1
            out = may_repeat(idempotent=True, error=error) and not self._answered
            return error if out or isinstance(error, ThrottledError) else None
        return None

    async def _observe_page(self, jobs: Sequence[ListedJob], pages: int) -> int:
        """Take note of a page of the list; all that is awaited on it counts, whether it is due or not."""
        self._cost = max(self._cost, pages)
        self._pages += 1
        self._answered = True
        seen, updated = [], 0
        for listed in jobs:
            found = self._store.observe_listed(listed, self._started)
            if found is not None:
                seen.append(listed.job_id)
                updated += found
            if updated >= SLICE:
                updated = 0
                await asyncio.sleep(0)
        self._missing.difference_update(seen)
        # A long list is not read to its end for the sake of a few, see JobLister.read.
        self._rest(seen, min(self._cost, self._pages + len(self._missing)))
        return len(self._missing)

    async def _get_missing(self) -> PAIError | None:
        """Ask for each job that was not listed, those first that have waited longest, and as many as may be."""
        missing = sorted((each for each in self._missing if each in self._store), key=self._store.polled)
        # As many as the rest of the list would have cost, which was left out because this is cheaper.
        limiter = self._context.limiter
        spare = min(MOST_SINGLE_LOOKS, limiter.left + limiter.reserve)
        allowed = max(LEAST_SINGLE_LOOKS, self._cost - self._pages, spare)
        self._cost = self._pages + min(allowed, len(missing))
        for first in range(0, min(allowed, len(missing)), _AT_ONCE):
            chosen = missing[first : min(first + _AT_ONCE, allowed)]
            answers = await asyncio.gather(*map(self._get, chosen))
            # Who is not asked for because of an error keeps both its place in the order and its outage policy's time.
            error = self._outage(answers)
            await self._observe_answers(chosen, answers)
            if error:
                return error
            if len(chosen) == _AT_ONCE and all(_says_nothing(each) for each in answers):
                # PAI may be about to go; each of these answers may have taken long.
                allowed = first + _AT_ONCE
                break
            await asyncio.sleep(0)
        for job_id in missing[allowed:]:
            self._store.schedule(job_id, self._started, self._cost, self._evenness)
        return None

    async def _observe_answers(self, job_ids: Sequence[str], answers: Sequence[JobSnapshot | PAIError]) -> None:
        for job_id, answer in zip(job_ids, answers, strict=True):
            if isinstance(answer, PAIError):
                await self._record_errors([job_id], answer)
            else:
                self._store.observe(answer, self._started)
                self._missing.discard(job_id)
                self._rest([job_id], self._cost)

    def _rest(self, job_ids: Iterable[str], cost: int) -> None:
        for job_id in job_ids:
            self._store.rest(job_id, self._started, cost, self._evenness)

    def _outage(self, answers: Sequence[JobSnapshot | PAIError]) -> PAIError | None:
        """Return the error that is everybody's: one that asks for fewer calls, or that all answers are."""
        passing = [each for each in answers if isinstance(each, PAIError) and _says_nothing(each)]
        self._answered = self._answered or len(passing) < len(answers)
        throttled = [each for each in passing if isinstance(each, ThrottledError)]
        # What is wrong with one job says nothing about the others that are waited for.
        alone = len(answers) == 1 < len(self._store)
        return (throttled or ([] if self._answered or alone else passing) or [None])[0]

    async def _get(self, job_id: str) -> JobSnapshot | PAIError:
        try:
            job = await self._context.send(get_training_job(job_id))
        except PAIError as error:
            return error
        return job if job.job_id == job_id else ProtocolError(f"asked for job {job_id}, told of {job.job_id}")

    async def _record_errors(self, job_ids: Sequence[str] | set[str], error: PAIError) -> None:
        for job_id in job_ids:
            self._store.schedule(job_id, self._started, self._cost, self._evenness)
        # One that is throttled was not looked at.
        asked = not isinstance(error, ThrottledError)
        await self._store.record_errors(job_ids, error, self._started, asked=asked)


def _says_nothing(answer: JobSnapshot | PAIError) -> bool:
    """Return whether an answer tells nothing of the job, which may be as well as before."""
    passing = isinstance(answer, PAIError) and may_repeat(idempotent=True, error=answer)
    return passing or isinstance(answer, ProtocolError)
