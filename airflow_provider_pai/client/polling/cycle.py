"""One look at all jobs that are due: a list of many, or each of a few."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.training import ListedJob, get_training_job
from airflow_provider_pai.client.polling.job_lister import JobLister, ListFilter
from airflow_provider_pai.client.polling.rate_limit import RateLimiter
from airflow_provider_pai.client.polling.subscription import Subscription
from airflow_provider_pai.client.transport.http import may_repeat
from airflow_provider_pai.errors import PAIError, ProtocolError, ThrottledError
from airflow_provider_pai.model.training.ownership import DEPLOYMENT_LABEL, LOOK_BACK
from airflow_provider_pai.model.training.response import Mark
from airflow_provider_pai.model.training.status import JobSnapshot

SINGLE_LOOKS = 5
"""Up to so many jobs are asked for one by one; more are listed."""
LEAST_SINGLE_LOOKS = 10
"""Jobs that are asked for one by one after a list, even when there were many calls already."""
_AT_ONCE = 8
_SLICE = 4
"""Watches that hear of something before others on this event loop have their turn: each writes lines into a log."""
_LIST_MARGIN = timedelta(minutes=5)
_OLDEST = timedelta(days=3650)
"""No job that is waited for was created so long ago."""


@dataclass(frozen=True)
class PollContext:
    """What a round works with.

    Attributes:
        awaited: who waits for which job; changes while a round looks.
        send: asks for a job from a thread.
        jobs: the list of jobs.
        limiter: says how many calls may be made.
        now: the time, in UTC.
        seen: called with each watch whose job was seen.
        over: called with each watch that needs no more looks.
    """

    awaited: Mapping[str, Sequence[Subscription]]
    send: Callable[[Call[JobSnapshot]], Future[JobSnapshot]]
    jobs: JobLister
    limiter: RateLimiter
    now: Callable[[], datetime]
    seen: Callable[[Subscription], None]
    over: Callable[[Subscription], None]


@dataclass
class PollCycle:
    """One look.

    Attributes:
        desk: what it works with.
        missing: ids of the jobs that it has still to see.
        started: when it began, in the event loop's time.
        evenness: the part of each pause that is made until the next look.
        cost: calls that it takes to look at these jobs.
        pages: pages of a list that it read.
        listed: whether it asked for a list.
        answered: whether PAI has answered anything in it, so that it isn't out.
    """

    desk: PollContext
    missing: set[str]
    started: float
    evenness: float = 1.0
    cost: int = field(default=0, init=False)
    pages: int = field(default=0, init=False)
    listed: bool = field(default=False, init=False)
    answered: bool = field(default=False, init=False)

    async def look(self) -> PAIError | None:
        """Look at the jobs; return the error that says that PAI is out, or wants fewer calls, if there is one."""
        if len(self.missing) > SINGLE_LOOKS and (error := await self._list()):
            if not self.answered:
                await self._fail(self.missing, error)
            return error
        return await self._look_singly()

    async def _list(self) -> PAIError | None:
        self.listed = True
        try:
            await self.desk.jobs.read(self._window(), len(self.missing), self._met)
        except PAIError as error:
            # Who may not list, or can't read one page of the list, may get the jobs all the same.
            out = may_repeat(idempotent=True, error=error) and not self.answered
            return error if out or isinstance(error, ThrottledError) else None
        return None

    def _window(self) -> ListFilter:
        """Return the narrowest window that holds all jobs; one that was not seen yet may be anywhere in it."""
        now = self.desk.now()
        watches = [each for job_id in self.missing for each in self.desk.awaited.get(job_id, ())]
        known = [each.created for each in watches if each.created]
        # A time that can't be true must not widen everybody's list; such a job is asked for if the list lacks it.
        likely = [each for each in known if each > now - _OLDEST]
        start, end = now - LOOK_BACK, None
        if len(known) == len(watches) and likely:
            start = min(likely) - _LIST_MARGIN
            # "Until now" goes without saying, and our clock may be wrong.
            end = newest + _LIST_MARGIN if (newest := max(likely)) < now - _LIST_MARGIN else None
        deployments = {each.job.labels.get(DEPLOYMENT_LABEL) for each in watches if each.job}
        name = deployments.pop() if len(deployments) == 1 else None
        return ListFilter(start, end, {DEPLOYMENT_LABEL: name} if name else {})

    async def _met(self, jobs: Sequence[ListedJob], pages: int) -> int:
        """Take note of a page of the list; all that is awaited on it counts, whether it is due or not."""
        self.cost = max(self.cost, pages)
        self.pages += 1
        self.answered = True
        news = 0
        for listed in jobs:
            news += self._meet(listed)
            if news >= _SLICE:
                news = 0
                await asyncio.sleep(0)
        return len(self.missing)

    def _meet(self, listed: ListedJob) -> int:
        """Take note of a job on a list; return how many watches have news of it."""
        watches = self.desk.awaited.get(listed.job_id)
        if not watches:
            return 0
        mark = listed.mark
        if any(each.mark != mark for each in watches):
            try:
                return self._see(listed.read(), mark)
            except ProtocolError:
                # It is asked for like one that is missing, which tells more.
                return 0
        self.missing.discard(listed.job_id)
        for each in watches:
            each.see_unchanged(self.started)
            self._rest(each)
        return 0

    def _see(self, job: JobSnapshot, mark: Mark | None = None) -> int:
        """Pass on what is new of a job; return how many watches have news of it."""
        self.missing.discard(job.job_id)
        news = 0
        for each in tuple(self.desk.awaited.get(job.job_id, ())):
            try:
                new = not each.ended and each.see(job, self.started, mark)
                if new:
                    each.publish()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
                new = True
                each.break_down(error)
            self._rest(each)
            news += new
        return news

    def _rest(self, watched: Subscription) -> None:
        watched.rest(self.started, self.cost, self.evenness)
        self.desk.seen(watched)

    async def _look_singly(self) -> PAIError | None:
        """Ask for each job that was not listed, those first that have waited longest, and as many as may be."""
        missing = sorted(self.missing & self.desk.awaited.keys(), key=self._looked)
        # As many as the rest of the list would have cost, which was left out because this is cheaper.
        allowed = max(LEAST_SINGLE_LOOKS, self.cost - self.pages, self.desk.limiter.left + self.desk.limiter.reserve)
        self.cost = self.pages + min(allowed, len(missing))
        for first in range(0, min(allowed, len(missing)), _AT_ONCE):
            chosen = missing[first : min(first + _AT_ONCE, allowed)]
            answers = await asyncio.gather(*map(self._get, chosen))
            # Who is not asked for because of an error keeps both its patience and its place in the order.
            error = self._outage(answers)
            for job_id, answer in zip(chosen, answers, strict=True):
                if isinstance(answer, PAIError):
                    await self._fail([job_id], answer)
                else:
                    self._see(answer)
            if error:
                return error
            if len(chosen) == _AT_ONCE and all(_says_nothing(each) for each in answers):
                # PAI may be about to go; each of these answers may have taken long.
                allowed = first + _AT_ONCE
                break
            await asyncio.sleep(0)
        for job_id in missing[allowed:]:
            for watched in self.desk.awaited.get(job_id, ()):
                watched.rest(self.started, self.cost, self.evenness)
        return None

    def _outage(self, answers: Sequence[JobSnapshot | PAIError]) -> PAIError | None:
        """Return the error that is everybody's: one that asks for fewer calls, or that all answers are."""
        passing = [each for each in answers if isinstance(each, PAIError) and _says_nothing(each)]
        self.answered = self.answered or len(passing) < len(answers)
        throttled = [each for each in passing if isinstance(each, ThrottledError)]
        # What is wrong with one job says nothing about the others that are waited for.
        alone = len(answers) == 1 < len(self.desk.awaited)
        return (throttled or ([] if self.answered or alone else passing) or [None])[0]

    def _looked(self, job_id: str) -> float:
        return min(each.looked for each in self.desk.awaited[job_id])

    async def _get(self, job_id: str) -> JobSnapshot | PAIError:
        try:
            return await self.desk.send(get_training_job(job_id))
        except PAIError as error:
            return error

    async def _fail(self, job_ids: Collection[str], error: PAIError) -> None:
        for number, job_id in enumerate(tuple(job_ids), 1):
            for each in tuple(self.desk.awaited.get(job_id, ())):
                if not isinstance(error, ThrottledError):
                    # Else it was not looked at, and comes first in the next round.
                    each.looked = self.started
                each.rest(self.started, self.cost, self.evenness)
                each.fail(error)
                if each.ended:
                    self.desk.over(each)
            if number % _SLICE == 0:
                await asyncio.sleep(0)


def _says_nothing(answer: JobSnapshot | PAIError) -> bool:
    """Whether an answer tells nothing of the job, which may be as well as before."""
    passing = isinstance(answer, PAIError) and may_repeat(idempotent=True, error=answer)
    return passing or isinstance(answer, ProtocolError)
