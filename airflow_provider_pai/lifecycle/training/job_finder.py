"""Finds the jobs of a task instance, with patience for outages, lists that lag and jobs that are being stopped.

"There is no job" leads to a new one, so it must be certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from airflow_provider_pai.client.polling.outage import OUTAGE_LIMIT
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs
from airflow_provider_pai.lifecycle.training.outage import ask_through_outage
from airflow_provider_pai.model.training.ownership import (
    STOP_REFUSED,
    STOPPING_LABEL,
    JobOwner,
    jobs_being_stopped,
    shows_try_before,
)
from airflow_provider_pai.model.training.status import JobSnapshot

T = TypeVar("T")

LIST_LAG_PAUSES = (1.0, 3.0, 6.0, 10.0)
"""Seconds before each further look for a job that may just have been created: a list may lag behind [inferred]."""
STOP_PAUSE, STOP_AGAIN = 2.0, 10
"""Seconds between two looks at a job that is being stopped, and after how many looks it is stopped once more."""
REFUSED_LOOKS, STOP_LOOKS = 30, 150
"""How many looks a job is given after a refused stop, before it is adopted again; and after an accepted one."""


class JobFinder:
    """Looks for jobs.

    Args:
        jobs: the workspace's jobs.
        log: takes what a person should know.
        sleep: waits, in seconds.

    Attributes:
        outage_limit: seconds that PAI may be unreachable.
    """

    def __init__(self, jobs: TrainingJobs, log: Log, sleep: Callable[[float], None]) -> None:
        self._jobs = jobs
        self._log = log
        self._sleep = sleep
        self._ended: set[JobOwner] = set()
        self.outage_limit = OUTAGE_LIMIT

    def end(self, owner: JobOwner) -> None:
        """Take note that an attempt is being ended: whatever it waits for now, it gives up."""
        self._ended.add(owner)

    def check(self, owner: JobOwner) -> None:
        """Raise when an attempt is being ended.

        Raises:
            PAIError: it is.
        """
        if owner in self._ended:
            raise PAIError("the task is being ended; nothing was submitted")

    def ask(self, owner: JobOwner, ask: Callable[[], T], limit: float | None = None) -> T:
        """Return the answer to a question that may be asked more than once, however long an outage keeps it away.

        Args:
            owner: the attempt that asks.
            ask: asks.
            limit: seconds that the outage may last. Default: the task's.
        """
        return ask_through_outage(
            ask,
            log=self._log,
            sleep=self._sleep,
            limit=self.outage_limit if limit is None else min(limit, self.outage_limit),
            check=lambda: self.check(owner),
        )

    def list(self, owner: JobOwner) -> list[JobSnapshot]:
        """Return the jobs of a task instance, of all generations; without any, those under a former name."""
        found: list[JobSnapshot] = []
        for labels in owner.filters():
            found = found or self._jobs.list(labels)
        return found

    def look(self, owner: JobOwner, limit: float | None = None) -> Sequence[JobSnapshot]:
        """Return the same, however long an outage keeps it away."""
        return self.ask(owner, lambda: self.list(owner), limit)

    def later_looks(self, owner: JobOwner, limit: float | None = None) -> Iterator[Sequence[JobSnapshot]]:
        """Yield what further looks find, for as long as a list may lag behind."""
        for pause in LIST_LAG_PAUSES:
            self._sleep(pause)
            yield self.look(owner, limit)

    def first_look(self, owner: JobOwner) -> Sequence[JobSnapshot]:
        """Return the jobs that an attempt finds when it begins, once none of its generation is being stopped any more.

        A later try that does not see the job of the one before looks again: its delay may be shorter than the list's.

        Raises:
            PAIError: a job that was to be stopped does not end; nothing may be submitted beside it.
        """
        found = self.look(owner)
        if not owner.is_first_try and not shows_try_before(owner, found):
            for found in self.later_looks(owner):
                if shows_try_before(owner, found):
                    break
        return self._wait_for_stops(owner, found)

    def _wait_for_stops(self, owner: JobOwner, found: Sequence[JobSnapshot]) -> Sequence[JobSnapshot]:
        """Wait for jobs that are being stopped: both would be paid for, and the old one may still succeed."""
        refused: set[str] = set()
        for look in range(STOP_LOOKS):
            leaving = jobs_being_stopped(owner, found)
            if not leaving:
                return found
            if look >= REFUSED_LOOKS and refused:
                return self._take_back(found, refused)
            if look % STOP_AGAIN == 0:
                refused = {job.job_id for job in leaving if not self._stop_again(job)}
            self._sleep(STOP_PAUSE)
            self.check(owner)
            found = self.look(owner)
        ids = ", ".join(job.job_id for job in jobs_being_stopped(owner, found))
        raise PAIError(f"job {ids} was asked to stop and has not ended; nothing was submitted beside it")

    def _stop_again(self, job: JobSnapshot) -> bool:
        """Stop a job that is marked as being stopped: the mark may be all that has arrived. Tell whether it was."""
        self._log.info("Waiting until job %s, which is being stopped, has ended", job.job_id)
        try:
            self._jobs.stop(job.job_id)
        except PAIError as error:
            self._log.warning("Job %s could not be stopped (%s)", job.job_id, error)
            return False
        return True

    def _take_back(self, found: Sequence[JobSnapshot], refused: set[str]) -> Sequence[JobSnapshot]:
        """Give up stopping jobs, so that they are adopted again: a second one beside them would be paid for, too."""
        mark = {STOPPING_LABEL: STOP_REFUSED}
        for job_id in refused:
            self._log.warning("Job %s can't be stopped; this attempt adopts it", job_id)
            self._jobs.label(job_id, mark, "another copy of this task may wait for its end")
        return [replace(job, labels={**job.labels, **mark}) if job.job_id in refused else job for job in found]
